"""Our contract against the document it began with: everything is there, and nothing is added but what was permitted.

Each permitted addition is listed here by name, so that another one is a decision, and a diff of this file.
"""

import copy
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
import yaml

from gateway.contract import load_document

ROOT = Path(__file__).parents[2]
REFERENCE = ROOT.parent / "shared" / "reference" / "update-server.openapi.yaml"
METHODS = {"get", "put", "post", "delete", "patch", "head", "options", "trace"}

STATUSES = {"403", "409", "412", "413", "415", "429", "500", "503"}
PARAMETERS = {"If-Match", "x-alloy-user-token"}
FIELDS = {"customInstructions", "isPublic", "mode", "paused"}
# What may stand beside a schema's own keywords. Every field may have the documented limits.
LIMITS = {"pattern", "minLength", "maxLength", "maxItems", "minimum", "maximum", "description", "example"}
OPERATION_KEYS = {"x-scope", "x-caller"}
# A response may say more of itself; what it said already stays.
RESPONSE_KEYS = {"headers", "content", "links"}

pytestmark = pytest.mark.skipif(not REFERENCE.exists(), reason="needs the reference document beside the repository")


@pytest.fixture
def theirs() -> Any:
    return yaml.safe_load(REFERENCE.read_text())


def resolved(document: Any, value: Any) -> Any:
    while "$ref" in value:
        found = document
        for part in value["$ref"].removeprefix("#/").split("/"):
            found = found[part]
        value = found
    return value


def deviations(ours: Any, theirs: Any) -> list[str]:
    """Where our document lacks, changes or adds something that was not permitted."""
    found = [f"{key} differs" for key in ("openapi", "info", "security") if ours[key] != theirs[key]]
    found += [f"tag {tag['name']}" for tag in theirs["tags"] if tag not in ours["tags"]]
    for name, scheme in theirs["components"]["securitySchemes"].items():
        if ours["components"]["securitySchemes"].get(name) != scheme:
            found.append(f"security scheme {name}")
    for name, schema in theirs["components"]["schemas"].items():
        found += in_schema(ours["components"]["schemas"].get(name, {}), schema, name)
    for path, item in theirs["paths"].items():
        for method in METHODS & set(item):
            operation = ours["paths"].get(path, {}).get(method, {})
            found += in_operation(ours, operation, item[method], f"{method} {path}")
    return found


def in_operation(document: Any, ours: Any, theirs: Any, place: str) -> Iterator[str]:
    for key in ("tags", "summary", "description", "operationId", "security"):
        if ours.get(key) != theirs[key]:
            yield f"{place}: {key}"
    yield from (f"{place}: {key} is added" for key in set(ours) - set(theirs) - OPERATION_KEYS)
    parameters = [resolved(document, entry) for entry in ours.get("parameters", ())]
    if parameters[: len(theirs["parameters"])] != theirs["parameters"]:
        yield f"{place}: parameters"
    for parameter in parameters[len(theirs["parameters"]) :]:
        if parameter["name"] not in PARAMETERS or parameter["in"] != "header" or parameter.get("required"):
            yield f"{place}: parameter {parameter['name']} is added"
    yield from in_body(ours.get("requestBody", {}), theirs["requestBody"], place)
    responses = ours.get("responses", {})
    yield from (
        f"{place}: response {status} is added" for status in set(responses) - set(theirs["responses"]) - STATUSES
    )
    for status, response in theirs["responses"].items():
        yield from in_response(resolved(document, responses.get(status, {})), response, f"{place} {status}")


def in_body(ours: Any, theirs: Any, place: str) -> Iterator[str]:
    if ours.get("required") != theirs["required"] or set(ours.get("content", ())) != set(theirs["content"]):
        yield f"{place}: request body"
        return
    for kind, content in theirs["content"].items():
        yield from in_schema(ours["content"][kind].get("schema", {}), content["schema"], f"{place} body")


def in_response(ours: Any, theirs: Any, place: str) -> Iterator[str]:
    if ours.get("description") != theirs["description"]:
        yield f"{place}: description"
    yield from (f"{place}: {key} is added" for key in set(ours) - set(theirs) - RESPONSE_KEYS)
    for kind, content in theirs.get("content", {}).items():
        schema = ours.get("content", {}).get(kind, {}).get("schema", {})
        yield from in_schema(schema, content["schema"], place)


def in_schema(ours: Any, theirs: Any, place: str) -> Iterator[str]:
    for keyword, value in theirs.items():
        if keyword == "properties":
            properties = ours.get("properties", {})
            yield from (f"{place}: field {name} is added" for name in set(properties) - set(value) - FIELDS)
            for name, field in value.items():
                yield from in_schema(properties.get(name, {}), field, f"{place}.{name}")
        elif keyword == "items":
            yield from in_schema(ours.get("items", {}), value, f"{place}[]")
        elif ours.get(keyword) != value:
            yield f"{place}: {keyword}"
    for keyword in set(ours) - set(theirs) - LIMITS:
        if (keyword, ours[keyword]) not in (("additionalProperties", False), ("nullable", True)):
            yield f"{place}: {keyword} is added"


def test_nothing_is_lost_and_nothing_added_that_was_not_permitted(theirs: Any) -> None:
    assert deviations(load_document(), theirs) == []


def test_an_addition_is_optional(theirs: Any) -> None:
    document = load_document()
    body = document["paths"]["/api/servers/{serverId}"]["put"]["requestBody"]["content"]["application/json"]["schema"]
    for schema in (body, document["components"]["schemas"]["Server"]):
        assert "required" not in schema


def test_no_address_of_anybody_elses_is_given(theirs: Any) -> None:
    others = {entry["url"] for entry in theirs["servers"]} - {"http://localhost:3000"}
    assert others
    assert not others & {entry["url"] for entry in load_document()["servers"]}


PUT = ("paths", "/api/servers/{serverId}", "put")


def at(document: Any, *keys: Any) -> Any:
    for key in keys:
        document = document[key]
    return document


@pytest.mark.parametrize(
    "change",
    [
        lambda document: at(document, *PUT, "parameters").pop(0),
        lambda document: at(document, *PUT, "parameters")[0].update(schema={"type": "integer"}),
        lambda document: at(document, *PUT, "parameters").append({"name": "force", "in": "query"}),
        lambda document: at(document, *PUT, "responses").pop("404"),
        lambda document: at(document, *PUT, "responses").update({"422": {"description": "?"}}),
        lambda document: at(document, *PUT, "responses", "200").update(description="Done"),
        lambda document: at(document, *PUT, "responses", "200", "content", "application/json").update(schema={}),
        lambda document: at(document, *PUT, "requestBody").update(required=False),
        lambda document: at(document, *PUT).update(operationId="change-server"),
        lambda document: at(document, *PUT).pop("security"),
        lambda document: at(document, "components", "schemas", "Server", "properties").pop("accessUrl"),
        lambda document: at(document, "components", "schemas", "Server", "properties").update(owner={}),
        lambda document: at(document, "components", "schemas", "Server").update(required=["serverId"]),
        lambda document: at(
            document, "components", "schemas", "ServerRestrictions", "properties", "users", "properties", "mode"
        ).update(enum=["allowlist"]),
        lambda document: at(document, "components", "securitySchemes").clear(),
        lambda document: document["paths"].pop("/api/servers/{serverId}"),
        lambda document: document["info"].update(title="Another API"),
    ],
)
def test_a_deviation_is_noticed(theirs: Any, change: Callable[[Any], object]) -> None:
    document = copy.deepcopy(load_document())
    change(document)
    assert deviations(document, theirs)
