"""The contract itself: valid, complete, served as it stands, and a superset of the document it began with."""

import importlib
import inspect
import re
from pathlib import Path
from typing import Any

import pytest
import yaml
from openapi_spec_validator import validate

import spec
from gateway.contract import load_document
from gateway.errors import ToolgateError
from gateway.http.errors import STATUS
from support.service import Service

ROOT = Path(__file__).parents[2]
REFERENCE = ROOT.parent / "shared" / "reference" / "update-server.openapi.yaml"
METHODS = ("get", "put", "post", "delete", "patch", "head", "options", "trace")
DOCUMENT = load_document()


def operations() -> list[tuple[str, str, dict[str, Any]]]:
    return [
        (path, method, item[method]) for path, item in DOCUMENT["paths"].items() for method in METHODS if method in item
    ]


OPERATIONS = operations()
each_operation = pytest.mark.parametrize(
    ("path", "method", "operation"), OPERATIONS, ids=[operation["operationId"] for _, _, operation in OPERATIONS]
)


def test_it_is_valid_openapi() -> None:
    validate(DOCUMENT)
    assert DOCUMENT["openapi"] == "3.0.1"


def test_it_is_served_with_this_services_own_address(service: Service) -> None:
    served = service.client(Authorization="").get("/openapi.json").json()
    validate(served)
    assert served == {**DOCUMENT, "servers": [{"url": service.url, "description": "This service"}]}


@each_operation
def test_an_operation_is_whole(path: str, method: str, operation: dict[str, Any]) -> None:
    assert operation["summary"]
    assert operation["description"]
    assert len(operation["tags"]) == 1
    assert operation["tags"][0] in {tag["name"] for tag in DOCUMENT["tags"]}
    responses = operation["responses"]
    assert any(status.startswith("2") for status in responses)
    expected = {"500", "503"}
    if operation["security"] or "accessToken" in path:
        expected |= {"401", "403", "429"}
    if "requestBody" in operation:
        expected |= {"400", "413", "415"}
    assert expected <= set(responses)
    if "requestBody" in operation:
        body = operation["requestBody"]
        body = DOCUMENT["components"]["requestBodies"][body["$ref"].rsplit("/", 1)[1]] if "$ref" in body else body
        content = body["content"]["application/json"]
        assert "example" in content or "examples" in content


@each_operation
def test_an_operation_has_its_handler(path: str, method: str, operation: dict[str, Any]) -> None:
    module = importlib.import_module(f"handlers.{operation['tags'][0].lower().replace(' ', '_')}")
    handler = getattr(module, operation["operationId"].replace("-", "_"))
    assert inspect.iscoroutinefunction(handler)
    kinds = {parameter.kind for parameter in inspect.signature(handler).parameters.values()}
    assert kinds <= {inspect.Parameter.KEYWORD_ONLY}


def test_no_handler_is_without_its_operation() -> None:
    expected = {operation["operationId"].replace("-", "_") for _, _, operation in OPERATIONS}
    for file in (ROOT / "handlers").glob("[a-z]*.py"):
        module = importlib.import_module(f"handlers.{file.stem}")
        public = {name for name, value in vars(module).items() if inspect.iscoroutinefunction(value) and name[0] != "_"}
        own = {name for name in public if getattr(module, name).__module__ == module.__name__}
        assert own <= expected


@each_operation
def test_an_operation_has_its_paragraph(path: str, method: str, operation: dict[str, Any]) -> None:
    page = (ROOT / "docs" / "api.md").read_text()
    assert f"### {operation['operationId']}\n" in page
    assert f"`{method.upper()} {path}`" in page


def leaves(kind: type[ToolgateError]) -> list[type[ToolgateError]]:
    return [kind, *(leaf for child in kind.__subclasses__() for leaf in leaves(child))]


def test_the_codes_of_the_contract_are_those_that_can_be_raised() -> None:
    declared = set(DOCUMENT["components"]["schemas"]["ErrorCode"]["enum"])
    assert declared == {kind.code for kind in leaves(ToolgateError)} == set(STATUS)


def test_free_strings_refuse_nul() -> None:
    """PostgreSQL text cannot hold NUL: the spec forbids it, so that no store has to."""
    naked = []

    def walk(schema: Any, place: str) -> None:
        if isinstance(schema, dict):
            if schema.get("type") == "string" and not {"pattern", "enum", "format"} & set(schema):
                naked.append(place)
            for key, value in schema.items():
                walk(value, f"{place}/{key}")
        elif isinstance(schema, list):
            for number, value in enumerate(schema):
                walk(value, f"{place}/{number}")

    for name in (
        *("CreateServer", "ServerRestrictions", "CreateConnector", "ReplaceConnector", "CreateCredential"),
        *("RenameCredential", "ReplaceCredential", "CreateUser", "UpdateUser"),
        *("CreateKey", "CreateAccount", "UpdateAccount"),
    ):
        walk(DOCUMENT["components"]["schemas"][name], name)
    assert naked == []


def test_the_tools_are_the_documented_eight() -> None:
    names = [tool["name"] for tool in yaml.safe_load(spec.read("tools.yaml"))]
    assert names == re.findall(r"`(\w+_alloy)`", (ROOT / "docs" / "api.md").read_text())[:8]


needs_reference = pytest.mark.skipif(
    not REFERENCE.exists(), reason="needs the reference document beside the repository"
)


@needs_reference
def test_info_and_security_are_those_it_began_with() -> None:
    reference = yaml.safe_load(REFERENCE.read_text())
    assert DOCUMENT["info"] == reference["info"]
    assert DOCUMENT["components"]["securitySchemes"] == reference["components"]["securitySchemes"]
    assert [tag for tag in DOCUMENT["tags"] if tag in reference["tags"]] == reference["tags"]


@needs_reference
def test_every_part_of_the_document_it_began_with_is_there() -> None:
    reference = yaml.safe_load(REFERENCE.read_text())
    for part in ("paths", "components"):
        contains(DOCUMENT[part], reference[part], part)


def contains(ours: Any, theirs: Any, place: str) -> None:
    if isinstance(theirs, dict):
        for key, value in theirs.items():
            assert key in ours, f"{place}/{key}"
            contains(ours[key], value, f"{place}/{key}")
    elif isinstance(theirs, list) and theirs and isinstance(theirs[0], dict):
        assert ours[: len(theirs)] == theirs, place
    else:
        assert ours == theirs, place
