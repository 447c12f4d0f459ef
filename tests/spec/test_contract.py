"""The contract itself: valid, complete, and served as it stands."""

import ast
import copy
import importlib
import inspect
import re
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
import yaml
from openapi_spec_validator import validate

import spec
from gateway.contract import load_document
from gateway.errors import ToolgateError
from gateway.http.errors import STATUS
from gateway.validation import compile_schema
from support.completeness import METHODS, carriers, dereferenced, examples, lacks, resolved
from support.service import Service

ROOT = Path(__file__).parents[2]
DOCUMENT = load_document()
API_PAGE = (ROOT / "docs" / "api.md").read_text()


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
    assert lacks(DOCUMENT, API_PAGE, path, method) == []


def remove(*keys: str) -> Callable[[dict[str, Any]], object]:
    def change(operation: dict[str, Any]) -> object:
        for key in keys[:-1]:
            operation = operation[key]
        return operation.pop(keys[-1])

    return change


@pytest.mark.parametrize(
    ("change", "lacking"),
    [
        (remove("summary"), "a summary"),
        (remove("description"), "a description"),
        (remove("responses", "200", "content", "application/json", "example"), "an example of its 200"),
        (remove("requestBody", "content", "application/json", "example"), "an example of its request"),
        *(
            (remove("responses", status), f"the response {status}")
            for status in ("400", "401", "403", "404", "413", "500")
        ),
        (remove("responses", "200"), "a success response"),
        (remove("tags"), "exactly one declared tag"),
        (lambda operation: operation.update(tags=["Elsewhere"]), "exactly one declared tag"),
        (lambda operation: operation.update(operationId="change-server"), "a handler"),
        (lambda operation: operation.update(operationId="change-server"), "a paragraph in docs/api.md"),
        (
            lambda operation: operation["responses"]["404"]["content"]["application/json"].update(schema={}),
            "the error body as its 404",
        ),
    ],
)
def test_what_an_operation_lacks_is_noticed(change: Callable[[dict[str, Any]], object], lacking: str) -> None:
    document = copy.deepcopy(DOCUMENT)
    change(document["paths"]["/api/servers/{serverId}"]["put"])
    assert lacking in lacks(document, API_PAGE, "/api/servers/{serverId}", "put")


@each_operation
def test_its_examples_are_valid(path: str, method: str, operation: dict[str, Any]) -> None:
    """An example that breaks its own schema teaches a caller what will be refused."""
    for name, carrier in carriers(DOCUMENT, operation):
        content = carrier.get("content", {}).get("application/json", {})
        validator = compile_schema({**dereferenced(DOCUMENT, content["schema"])}) if "schema" in content else None
        for example in examples(content):
            assert validator is not None
            assert validator.is_valid(example), name


@each_operation
def test_its_links_lead_to_operations(path: str, method: str, operation: dict[str, Any]) -> None:
    known = {entry["operationId"]: (address, entry) for address, _, entry in OPERATIONS}
    for name, carrier in carriers(DOCUMENT, operation):
        for link in carrier.get("links", {}).values():
            address, target = known[link["operationId"]]
            taken = {resolved(DOCUMENT, item)["name"] for item in target.get("parameters", ())}
            assert set(link.get("parameters", ())) <= taken, f"{name} -> {address}"


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


@pytest.mark.parametrize("code", DOCUMENT["components"]["schemas"]["ErrorCode"]["enum"])
def test_every_error_code_is_asserted_somewhere(code: str) -> None:
    """A code that no test expects is a promise that nobody keeps."""
    naming = {
        path.name
        for path in (ROOT / "tests").rglob("test_*.py")
        if path != Path(__file__)
        for node in ast.walk(ast.parse(path.read_text()))
        if isinstance(node, ast.Constant) and node.value == code
    }
    assert naming, f"no test asserts {code}"
