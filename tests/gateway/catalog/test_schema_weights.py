"""Schemas that make much work of little are found before they are asked."""

import time
from typing import Any

import pytest

from gateway.catalog.documents.problems import DocumentError
from gateway.catalog.schemas.resolving import validator
from gateway.catalog.schemas.weights import weight


def ref(name: str, **beside: Any) -> dict[str, Any]:
    return {"$ref": f"#/s/{name}", **beside}


def test_weights_by_hand() -> None:
    leaf = {"type": "string"}
    assert weight({}) == 1
    assert weight({"allOf": [leaf, leaf], "not": leaf}) == 4
    assert weight({"anyOf": [leaf, {"anyOf": [leaf, leaf]}]}) == 5
    # Of the parts of a value the heaviest counts.
    assert weight({"properties": {"a": leaf, "b": {"allOf": [leaf, leaf]}}, "items": leaf, "prefixItems": [leaf]}) == 4
    assert weight({"$ref": "#/$defs/0", "$defs": {"0": {"allOf": [leaf, leaf]}}}) == 4
    # A circle counts once.
    assert weight({"$ref": "#/$defs/0", "$defs": {"0": {"properties": {"next": {"$ref": "#/$defs/0"}}}}}) == 4


def test_a_long_chain_is_light_and_no_recursion() -> None:
    definitions: dict[str, Any] = {str(n): {"properties": {"a": {"$ref": f"#/$defs/{n + 1}"}}} for n in range(20_000)}
    assert weight({"$ref": "#/$defs/0", "$defs": {**definitions, "20000": {}}}) < 50_000


def test_examples_may_look_like_references() -> None:
    node = {"examples": [{"$ref": "#/$defs/9"}], "enum": [{"$ref": "x"}], "const": {"$ref": "y"}}
    assert weight({"$ref": "#/$defs/0", "$defs": {"0": node}}) == 2


def entangled(levels: int, keyword: str, inside: bool) -> dict[str, Any]:
    def way(number: int, title: str) -> dict[str, Any]:
        return {"properties": {"x": ref(f"n{number}")}, "title": title} if inside else ref(f"n{number}", title=title)

    schemas: dict[str, Any] = {f"n{n}": {keyword: [way(n + 1, "a"), way(n + 1, "b")]} for n in range(levels)}
    return {"openapi": "3.1.0", "s": {**schemas, f"n{levels}": {"type": "object"}}}


@pytest.mark.parametrize("inside", [True, False])
def test_choices_that_double_and_double_are_cut(inside: bool) -> None:
    begun = time.process_time()
    check = validator(entangled(60, "anyOf", inside), ref("n0"))
    value: Any = "leaf"
    for _ in range(60):
        value = {"x": value}
    assert check.is_valid(value)
    assert check.is_valid({})
    # It took minutes, or never ended; collecting the garbage of other tests may take a second.
    assert time.process_time() - begun < 5


@pytest.mark.parametrize("inside", [True, False])
def test_demands_that_double_and_double_are_refused(inside: bool) -> None:
    with pytest.raises(DocumentError, match="by too many ways"):
        validator(entangled(60, "allOf", inside), ref("n0"))


def test_a_few_levels_are_checked_whole() -> None:
    check = validator(entangled(8, "anyOf", inside=True), ref("n0"))
    value: Any = "leaf"
    for _ in range(8):
        value = {"x": value}
    assert not check.is_valid(value)
