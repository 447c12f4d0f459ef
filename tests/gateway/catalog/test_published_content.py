"""`x-connector` with prompts and resources, and `x-mcp-result`: what is read, and what is refused by its place."""

from typing import Any

import pytest

from gateway.catalog.documents.problems import DocumentError
from gateway.catalog.loader import load
from gateway.catalog.model import Connector

TEXT = {"role": "user", "content": {"type": "text", "text": "hi {{a}}"}}
ARGUMENT = [{"name": "a"}]


def loaded(operation: dict[str, Any] | None = None, method: str = "post", **x_connector: Any) -> Connector:
    document = {
        "openapi": "3.0.3",
        "info": {"title": "T", "version": "1"},
        "servers": [{"url": "https://a.example.com"}],
        "x-connector": x_connector,
        "paths": {
            "/speaks": {"post": {"operationId": "speaks", "x-mcp-result": True}},
            "/plain": {"get": {"operationId": "plain/op"}},
            **({"/given": {method: {"operationId": "given", **operation}}} if operation is not None else {}),
        },
    }
    return load(document, connector_id="t")


def refused(*args: Any, **given: Any) -> tuple[str, str]:
    with pytest.raises(DocumentError) as caught:
        loaded(*args, **given)
    return caught.value.place, caught.value.rule


def test_what_is_read() -> None:
    connector = loaded(
        prompts=[{"name": "p", "action": "speaks"}],
        resources=[{"uri": "test://a", "name": "a", "blob": "AAEC"}],
        resourceTemplates=[{"uriTemplate": "test://{x}/{y}", "name": "t", "action": "plain/op"}],
    )
    assert [prompt.action for prompt in connector.prompts] == ["speaks"]
    plain, template = connector.resources
    assert (plain.variables, template.variables) == ((), ("x", "y"))
    # The document's own spelling leads to the action.
    assert template.action in connector.actions
    assert template.pattern().fullmatch("test://a%20b/c")
    assert not template.pattern().fullmatch("test://a/b/c")
    assert connector.actions["speaks"].speaks_mcp


@pytest.mark.parametrize(
    ("prompt", "place", "rule"),
    [
        ({"name": "p"}, "#/x-connector/prompts/0", "oneOf"),
        ({"name": "p", "action": "speaks", "messages": [TEXT]}, "#/x-connector/prompts/0", "oneOf"),
        ({"name": "no name", "messages": [TEXT]}, "#/x-connector/prompts/0/name", "pattern"),
        ({"name": "p", "messages": []}, "#/x-connector/prompts/0/messages", "minItems"),
        ({"name": "p", "messages": [TEXT]}, "#/x-connector/prompts/0/messages/0/content/text", "known"),
        ({"name": "p", "action": "nobody"}, "#/x-connector/prompts/0/action", "known"),
        ({"name": "p", "action": "plain/op"}, "#/x-connector/prompts/0/action", "x-mcp-result"),
        (
            {"name": "p", "arguments": ARGUMENT * 2, "messages": [TEXT]},
            "#/x-connector/prompts/0/arguments",
            "uniqueItems",
        ),
        ({"name": "p", "surplus": 1, "messages": [TEXT]}, "#/x-connector/prompts/0/surplus", "additionalProperties"),
        (
            {"name": "p", "messages": [{"role": "user", "content": {"type": "image", "data": "!", "mimeType": "a/b"}}]},
            "#/x-connector/prompts/0/messages/0/content/data",
            "base64",
        ),
        (
            {"name": "p", "messages": [{"role": "user", "content": {"type": "film"}}]},
            "#/x-connector/prompts/0/messages/0/content/type",
            "enum",
        ),
    ],
)
def test_prompts_that_cannot_be(prompt: dict[str, Any], place: str, rule: str) -> None:
    assert refused(prompts=[prompt]) == (place, rule)


def test_two_prompts_of_one_name() -> None:
    prompt = {"name": "p", "arguments": ARGUMENT, "messages": [TEXT]}
    assert refused(prompts=[prompt, prompt]) == ("#/x-connector/prompts/1/name", "uniqueItems")


@pytest.mark.parametrize(
    ("resource", "rule"),
    [
        ({"uri": "test://a", "text": "x"}, "required"),
        ({"uri": "test://a", "name": "a"}, "oneOf"),
        ({"uri": "test://a", "name": "a", "text": "x", "blob": ""}, "oneOf"),
        ({"uri": "toolgate://activity", "name": "a", "text": "x"}, "pattern"),
        ({"uri": "no uri", "name": "a", "text": "x"}, "pattern"),
        ({"uri": "test://{id}", "name": "a", "text": "x"}, "uri"),
        ({"uri": "test://a", "name": "a", "blob": "%%%"}, "base64"),
        ({"uri": "test://a", "name": "a", "text": "{{x}}"}, "known"),
        ({"uri": "test://a", "name": "a", "action": "nobody"}, "known"),
        ({"uri": "test://a", "name": "a", "text": "x", "mimeType": "no type"}, "pattern"),
        ({"uri": "test://a", "name": "a", "text": "x", "annotations": {"priority": 2}}, "maximum"),
        ({"uri": "test://a", "name": "a", "text": "x", "icons": [{"src": "javascript:alert(1)"}]}, "pattern"),
    ],
)
def test_resources_that_cannot_be(resource: dict[str, Any], rule: str) -> None:
    place, found = refused(resources=[resource])
    assert place.startswith("#/x-connector/resources/0")
    assert found == rule


@pytest.mark.parametrize("template", ["test://a", "test://{a}/{a}", "test://{+a}", "test://{a,b}", "test://{a"])
def test_templates_that_cannot_be(template: str) -> None:
    about = {"uriTemplate": template, "name": "a", "text": "x"}
    assert refused(resourceTemplates=[about]) == ("#/x-connector/resourceTemplates/0/uriTemplate", "uri")


@pytest.mark.parametrize(
    ("operation", "method", "rule"),
    [
        ({"x-mcp-result": "yes"}, "post", "type"),
        ({"x-mcp-result": True}, "get", "method"),
        ({"x-mcp-result": True, "x-graphql": "{a}"}, "post", "method"),
        ({"x-mcp-result": True, "requestBody": {"content": {"text/plain": {}}}}, "post", "content"),
    ],
)
def test_operations_that_cannot_speak_mcp(operation: dict[str, Any], method: str, rule: str) -> None:
    place, found = refused(operation, method)
    assert (place, found) == (f"#/paths/~1given/{method}/x-mcp-result", rule)
