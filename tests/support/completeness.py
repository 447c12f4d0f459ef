"""What an operation of the contract must have, beyond being valid OpenAPI."""

import importlib
import inspect
from collections.abc import Iterator, Mapping
from typing import Any

from gateway.contract import handler_name

METHODS = ("get", "put", "post", "delete", "patch", "head", "options", "trace")
# A server's own faults can meet every request.
ALWAYS = {"500", "503"}


def resolved(document: Mapping[str, Any], value: Mapping[str, Any]) -> Mapping[str, Any]:
    """What a `$ref` leads to; anything else as it is."""
    while "$ref" in value:
        found: Any = document
        for part in value["$ref"].removeprefix("#/").split("/"):
            found = found[part]
        value = found
    return value


def dereferenced(document: Mapping[str, Any], schema: Any) -> Any:
    """A schema with every `$ref` replaced; for schemas that do not hold themselves."""
    if isinstance(schema, list):
        return [dereferenced(document, item) for item in schema]
    if not isinstance(schema, Mapping):
        return schema
    return {key: dereferenced(document, value) for key, value in resolved(document, schema).items()}


def carriers(document: Mapping[str, Any], operation: Mapping[str, Any]) -> Iterator[tuple[str, Mapping[str, Any]]]:
    """What may hold content: ("request", body), then (status, response) each."""
    if "requestBody" in operation:
        yield "request", resolved(document, operation["requestBody"])
    for status, response in operation["responses"].items():
        yield status, resolved(document, response)


def examples(content: Mapping[str, Any]) -> list[Any]:
    named = [entry["value"] for entry in content.get("examples", {}).values()]
    return [*named, content["example"]] if "example" in content else named


def lacks(document: Mapping[str, Any], api_page: str, path: str, method: str) -> list[str]:
    """What the operation at `path` lacks, in words; an empty list is the goal."""
    operation = document["paths"][path][method]
    checks = {
        "a summary": bool(operation.get("summary")),
        "a description": bool(operation.get("description")),
        "exactly one declared tag": _has_one_tag(document, operation),
        "a handler": _has_handler(operation),
        "a paragraph in docs/api.md": f"### {operation['operationId']}\n" in api_page
        and f"`{method.upper()} {path}`" in api_page,
        "a success response": any(status.startswith(("2", "303")) for status in operation["responses"]),
    }
    checks |= {
        f"the response {status}": status in operation["responses"] for status in _statuses(document, path, operation)
    }
    for name, carrier in carriers(document, operation):
        content = carrier.get("content", {}).get("application/json")
        if content is None:
            continue
        if name == "request" or name.startswith("2"):
            checks[f"an example of its {name}"] = bool(examples(content))
        else:
            checks[f"the error body as its {name}"] = _is_error(content.get("schema", {}))
    return [name for name, there in checks.items() if not there]


def _has_one_tag(document: Mapping[str, Any], operation: Mapping[str, Any]) -> bool:
    declared = {tag["name"] for tag in document["tags"]}
    return len(operation.get("tags", ())) == 1 and operation["tags"][0] in declared


def _has_handler(operation: Mapping[str, Any]) -> bool:
    if not operation.get("tags"):
        return False
    module, function = handler_name(operation["tags"][0], operation["operationId"])
    try:
        return inspect.iscoroutinefunction(getattr(importlib.import_module(f"handlers.{module}"), function, None))
    except ModuleNotFoundError:
        return False


def _statuses(document: Mapping[str, Any], path: str, operation: Mapping[str, Any]) -> set[str]:
    """The error responses that an operation with such doors and inputs can give."""
    expected = set(ALWAYS)
    if operation["security"] or "{accessToken}" in path:
        expected |= {"401", "403", "429"}
    if operation.get("parameters"):
        expected.add("400")
    if "{" in path:
        expected.add("404")
    if "requestBody" in operation:
        expected |= {"400", "413", "415"}
    return expected


def _is_error(schema: Mapping[str, Any]) -> bool:
    choices = [schema, *schema.get("anyOf", ()), *schema.get("oneOf", ())]
    return any(choice.get("$ref") == "#/components/schemas/Error" for choice in choices)
