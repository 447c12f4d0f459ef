"""XML from JSON, by the `xml` objects of schemas. The expected texts are those of the specification's examples."""

from typing import Any

import pytest
from execution_samples import body, connector, request

from gateway.errors import InvalidRequest

HEAD = '<?xml version="1.0" encoding="UTF-8"?>\n'
TEXT = {"type": "string"}


def xml(schema: dict[str, Any], value: Any, **more: Any) -> str:
    loaded = connector({"requestBody": body(schema, "application/xml")}, **more)
    made = request(loaded, {"requestBody": value})
    assert made.headers["Content-Type"] == "application/xml"
    assert made.body is not None
    return made.body.decode().removeprefix(HEAD)


def thing(properties: dict[str, Any], **about: Any) -> dict[str, Any]:
    return {"type": "object", "properties": properties, "xml": {"name": "thing", **about}}


@pytest.mark.parametrize(
    ("animals", "expected"),
    [
        ({"type": "array", "items": TEXT}, "<animals>a</animals><animals>b</animals>"),
        ({"type": "array", "items": {**TEXT, "xml": {"name": "animal"}}}, "<animal>a</animal><animal>b</animal>"),
        (
            {"type": "array", "items": {**TEXT, "xml": {"name": "animal"}}, "xml": {"name": "aliens"}},
            "<animal>a</animal><animal>b</animal>",
        ),
        (
            {"type": "array", "items": TEXT, "xml": {"wrapped": True}},
            "<animals><animals>a</animals><animals>b</animals></animals>",
        ),
        (
            {"type": "array", "items": {**TEXT, "xml": {"name": "animal"}}, "xml": {"name": "aliens", "wrapped": True}},
            "<aliens><animal>a</animal><animal>b</animal></aliens>",
        ),
        (
            {"type": "array", "items": TEXT, "xml": {"name": "aliens", "wrapped": True}},
            "<aliens><aliens>a</aliens><aliens>b</aliens></aliens>",
        ),
    ],
)
def test_lists(animals: dict[str, Any], expected: str) -> None:
    assert xml(thing({"animals": animals}), {"animals": ["a", "b"]}) == f"<thing>{expected}</thing>"


def test_attributes_namespaces_and_text() -> None:
    schema = thing(
        {
            "id": {"type": "integer", "xml": {"attribute": True}},
            "name": {**TEXT, "xml": {"name": "title", "namespace": "http://example.com/s", "prefix": "s"}},
            "note": {**TEXT, "xml": {"nodeType": "text"}},
            "gone": {"type": ["string", "null"]},
        }
    )
    value = {"id": 7, "name": "<&", "note": "x", "gone": None}
    expected = '<thing id="7"><s:title xmlns:s="http://example.com/s">&lt;&amp;</s:title>x</thing>'
    assert xml(schema, value, openapi="3.1.0") == expected


def test_the_root_has_the_name_of_its_schema() -> None:
    schemas = {"Pet": {"type": "object", "properties": {"inner": {"$ref": "#/components/schemas/Pet"}}}}
    found = xml({"$ref": "#/components/schemas/Pet"}, {"inner": {}}, components={"schemas": schemas})
    assert found == "<Pet><inner></inner></Pet>"
    assert xml({"type": "object", "properties": {"a": TEXT}}, {"a": "b"}) == "<root><a>b</a></root>"
    assert xml({"type": "array", "items": TEXT, "xml": {"name": "all"}}, ["a"]) == "<all><all>a</all></all>"


def test_arguments_may_be_flat_and_text_stays_text() -> None:
    loaded = connector({"requestBody": body(thing({"a": TEXT}), "text/xml")})
    assert request(loaded, {"a": "b"}).body == f"{HEAD}<thing><a>b</a></thing>".encode()
    plain = connector({"requestBody": body(TEXT, "application/xml")})
    assert request(plain, {"requestBody": "<a/>"}).body == b"<a/>"


@pytest.mark.parametrize(
    ("value", "words"),
    [({"a": "x\x00"}, "character"), ({"a><b": "x"}, "name"), ({"a b": "x"}, "name"), ({"": "x"}, "name")],
)
def test_nothing_breaks_out(value: dict[str, Any], words: str) -> None:
    with pytest.raises(InvalidRequest, match=words):
        xml({**thing({"a": TEXT}), "additionalProperties": True}, value)
