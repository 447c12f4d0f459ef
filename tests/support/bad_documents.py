"""Documents that are wrong or mean harm. Those of BAD are refused, those of TAMED become connectors that work."""

import json
from collections.abc import Mapping
from typing import Any, NamedTuple

_ANSWERS = {"200": {"description": "ok"}}
HUGE = 1_000_000


class Bad(NamedTuple):
    """A document, as a value or as text, and what the refusal must say: its place, and the rule."""

    document: Mapping[str, Any] | str
    place: str
    rule: str


def document(**more: Any) -> dict[str, Any]:
    return {
        "openapi": "3.0.3",
        "info": {"title": "Odd", "version": "1"},
        "servers": [{"url": "https://odd.example.com"}],
        "paths": {"/a": {"get": {"operationId": "a", "responses": _ANSWERS}}},
        **more,
    }


def operation(components: Mapping[str, Any] | None = None, **fields: Any) -> dict[str, Any]:
    node = {"operationId": "a", "responses": _ANSWERS, **fields}
    return document(paths={"/a": {"post": node}}, components=components or {})


def parameter(schema: Any) -> dict[str, Any]:
    return operation(parameters=[{"name": "q", "in": "query", "schema": schema}])


def body(schema: Any, **schemas: Any) -> dict[str, Any]:
    return operation({"schemas": schemas}, requestBody={"content": {"application/json": {"schema": schema}}})


def ref(name: str, kind: str = "schemas") -> dict[str, str]:
    return {"$ref": f"#/components/{kind}/{name}"}


def ring(keyword: str, length: int = 50) -> dict[str, Any]:
    return {f"S{number}": {keyword: [ref(f"S{(number + 1) % length}")]} for number in range(length)}


def bush(keyword: str, size: int = 8) -> dict[str, Any]:
    """Each schema is made of all, itself too."""
    return {f"S{number}": {keyword: [ref(f"S{other}") for other in range(size)]} for number in range(size)}


def chain(length: int) -> dict[str, Any]:
    links = {
        f"S{number}": {"type": "object", "properties": {"next": ref(f"S{number + 1}")}} for number in range(length)
    }
    return {**links, f"S{length}": {"type": "string"}}


def spelled(text: str, node: Mapping[str, Any]) -> str:
    """JSON text of a document, with a piece of text where it says HERE."""
    return json.dumps(node).replace('"HERE"', text)


_AT, _POST = "#/paths/~1a", "#/paths/~1a/post"
_NUMBER = parameter({"type": "number", "maximum": "HERE"})
BAD: Mapping[str, Bad] = {
    "10,000 levels": Bad(spelled('{"items":' * 10_000 + "{}" + "}" * 10_000, body("HERE")), "line 1", "depth"),
    "200 levels": Bad(spelled('{"items":' * 200 + "{}" + "}" * 200, body("HERE")), f"{_POST}/requestBody", "depth"),
    "2,000 levels of YAML": Bad("\n".join(" " * level + "a:" for level in range(2_000)), "line 129", "depth"),
    "a bomb of aliases": Bad(
        "a: &a [1,1,1,1,1,1,1,1,1,1]\n"
        + "".join(f"{c}: &{c} [{','.join([f'*{p}'] * 10)}]\n" for p, c in zip("abcdefgh", "bcdefghi", strict=True)),
        "line 7",
        "maxItems",
    ),
    "a parameter that is itself": Bad(
        operation({"parameters": {"P": ref("P", "parameters")}}, parameters=[ref("P", "parameters")]),
        f"{_POST}/parameters/0",
        "$ref",
    ),
    "a body that is itself": Bad(
        operation({"requestBodies": {"B": ref("B", "requestBodies")}}, requestBody=ref("B", "requestBodies")),
        f"{_POST}/requestBody",
        "$ref",
    ),
    "paths that are each other": Bad(
        document(paths={"/a": {"$ref": "#/paths/~1b"}, "/b": {"$ref": "#/paths/~1a"}}), _AT, "$ref"
    ),
    "a password in a server": Bad(
        document(servers=[{"url": "https://u:p@odd.example.com"}]), "#/servers/0/url", "userinfo"
    ),
    "a password in an operation's server": Bad(
        operation(servers=[{"url": "https://u:p@odd.example.com"}]), f"{_POST}/servers/0/url", "userinfo"
    ),
    "a private address": Bad(document(servers=[{"url": "http://10.0.0.1/x"}]), "#/servers/0/url", "address"),
    "a private address in an operation": Bad(operation(servers=[{"url": "http://169.254.169.254"}]), _POST, "address"),
    "a private host in Swagger": Bad(
        {"swagger": "2.0", "info": {}, "host": "10.0.0.1", "paths": {"/a": {"get": {"responses": _ANSWERS}}}},
        "#/host",
        "address",
    ),
    "infinity": Bad(spelled("1e999", _NUMBER), "line 1", "json"),
    "a number of 5,000 digits": Bad(spelled("1" * 5_000, _NUMBER), "line 1", "json"),
    "no number": Bad(spelled("NaN", _NUMBER), "line 1", "json"),
    "a key twice": Bad("openapi: 3.0.3\npaths: {}\npaths: {}\n", "line 3", "uniqueKeys"),
    "100,000 paths": Bad(
        document(paths={f"/a{number}": {"get": {"operationId": f"o{number}"}} for number in range(100_000)}),
        "#/paths",
        "maxItems",
    ),
    "100,000 paths of nothing": Bad(
        document(paths={f"/a{number}": {} for number in range(100_000)}), "#/paths", "required"
    ),
    "a path without end": Bad(document(paths={"/" + "a/" * 1_000: {"get": {}}}), "#/paths/~1a~1", "maxLength"),
    "100,000 parameters": Bad(
        operation(parameters=[{"name": f"q{number}", "in": "query", "schema": {}} for number in range(100_000)]),
        f"{_POST}/parameters",
        "maxItems",
    ),
    "20,000 security schemes": Bad(
        operation(
            {
                "securitySchemes": {
                    f"k{number}": {"type": "apiKey", "in": "header", "name": f"X-{number}"} for number in range(20_000)
                }
            }
        ),
        "#/components/securitySchemes",
        "maxProperties",
    ),
    "paths that are a list": Bad(document(paths=[]), "#/paths", "type"),
    "an operation that is a list": Bad(document(paths={"/a": {"get": []}}), f"{_AT}/get", "type"),
}
# What is valid JSON, but means too much, or nothing.
TAMED: Mapping[str, Mapping[str, Any]] = {
    "10,000 schemas in one another": body(ref("S0"), **chain(10_000)),
    "10,000 references to references": body(
        ref("S0"), **{f"S{number}": ref(f"S{number + 1}") for number in range(10_000)}, S10000={"type": "string"}
    ),
    "a schema that is itself": body(ref("S0"), S0=ref("S0")),
    "a schema that is the document": body({"$ref": "#"}),
    "an answer that is itself": operation(
        {"responses": {"R": ref("R", "responses")}}, responses={"200": ref("R", "responses")}
    ),
    **{f"a ring of {keyword}": body(ref("S0"), **ring(keyword)) for keyword in ("allOf", "oneOf", "anyOf")},
    **{f"a bush of {keyword}": body(ref("S0"), **bush(keyword)) for keyword in ("allOf", "oneOf", "anyOf")},
    **{f"a wide bush of {keyword}": body(ref("S0"), **bush(keyword, 60)) for keyword in ("allOf", "oneOf", "anyOf")},
    "ten ways, thirty times": body(
        ref("S0"),
        **{
            f"S{number}": {"type": "object", "properties": {name: ref(f"S{number + 1}") for name in "abcdefghij"}}
            for number in range(30)
        },
        S30={"type": "string"},
    ),
    "no responses": document(paths={"/a": {"get": {"operationId": "a"}}}),
    "two operations with one name": document(
        paths={"/a": {"get": {"operationId": "a"}}, "/b": {"get": {"operationId": "a"}}}
    ),
    "NUL everywhere": operation(
        description="a\0b",
        summary="a\0b",
        tags=["a\0"],
        parameters=[{"name": "q\0", "in": "query", "schema": {"type": "string", "enum": ["\0"]}}],
    ),
    "a line break in a header": operation(
        parameters=[{"name": "X-A\r\nB", "in": "header", "schema": {"type": "string"}}]
    ),
    "a million values to choose from": parameter({"enum": [f"v{number}" for number in range(HUGE)]}),
    "one value of five million characters": parameter({"enum": ["v" * 5 * HUGE]}),
    "a pattern that goes back and back": parameter(
        {"type": "string", "pattern": "^(?=(a+)+$)(a|a)*b$", "example": "a" * 40 + "!"}
    ),
    "a pattern of a million characters": parameter({"type": "string", "pattern": "(a|b)" * (HUGE // 5)}),
    "a pattern that grows": parameter({"type": "string", "pattern": "((a{0,1000}){0,1000}){0,1000}"}),
    "a pattern that is none": parameter({"type": "string", "pattern": "["}),
    "100,000 properties": body({"type": "object", "properties": {f"q{n}": {"type": "string"} for n in range(100_000)}}),
    "a description without end": operation(description="d" * 9 * HUGE, summary="d " * HUGE, operationId="o" * HUGE),
    "a title without end": document(info={"title": "t" * HUGE, "version": "1", "description": "d" * HUGE}),
    "one parameter 20,000 times": operation(
        parameters=[{"name": "q", "in": "query", "schema": {"type": "string"}}] * 20_000
    ),
    "100,000 servers": document(servers=[{"url": f"https://a{number}.example.com"} for number in range(100_000)]),
}
