"""The spec as Connexion holds it: our fast check, and the whole of Connexion's own, which no start repeats."""

import copy
from collections.abc import Callable
from typing import Any

import pytest
from connexion.exceptions import InvalidSpecification
from connexion.spec import OpenAPISpecification

from gateway.contract import load_document
from gateway.http.specification import CheckedSpecification

DOCUMENT = load_document()


def test_the_spec_passes_both() -> None:
    theirs = OpenAPISpecification(copy.deepcopy(DOCUMENT))
    ours = CheckedSpecification(copy.deepcopy(DOCUMENT))
    assert ours.spec == theirs.spec
    assert ours.raw == theirs.raw == DOCUMENT


@pytest.mark.parametrize(
    "change",
    [
        lambda document: document.pop("info"),
        lambda document: document["paths"]["/api/servers"]["post"].pop("responses"),
        lambda document: document["paths"]["/api/servers"]["post"].update(parameter=[]),
        lambda document: document["components"]["schemas"]["Server"].update(type="thing"),
    ],
)
def test_what_is_not_openapi_is_refused(change: Callable[[dict[str, Any]], object]) -> None:
    document = copy.deepcopy(DOCUMENT)
    change(document)
    with pytest.raises(InvalidSpecification):
        CheckedSpecification(document)


def test_a_default_that_is_not_valid_is_noticed_here() -> None:
    document = copy.deepcopy(DOCUMENT)
    document["components"]["schemas"]["Server"]["properties"]["name"]["default"] = 7
    with pytest.raises(InvalidSpecification):
        OpenAPISpecification(document)
