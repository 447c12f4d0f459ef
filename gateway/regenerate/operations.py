"""The operations of spec/openapi.yaml, as the generators want them: valid, resolved, with their handlers' names."""

import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any

import yaml
from openapi_spec_validator import validate
from openapi_spec_validator.validation.exceptions import OpenAPIValidationError

from gateway.contract import SAFE_LOADER, handler_name, with_answer_headers
from gateway.regenerate.checkout import SPEC, Checkout, RegenerateError

METHODS = ("get", "put", "post", "delete", "patch", "head", "options", "trace")
_OPERATION_ID = re.compile(r"[a-z][a-z0-9]*(-[a-z0-9]+)*\Z")
_TAG = re.compile(r"[A-Za-z][A-Za-z0-9]*( [A-Za-z0-9]+)*\Z")


@dataclass(frozen=True, slots=True, kw_only=True)
class Operation:
    """`parameters` and `responses` are resolved one step: where the spec has a `$ref`, what it leads to."""

    method: str
    path: str
    operation_id: str
    tag: str
    parameters: tuple[Mapping[str, Any], ...]
    # None where the operation takes no body.
    body: Mapping[str, Any] | None
    responses: Mapping[str, Mapping[str, Any]]
    spec: Mapping[str, Any]

    @property
    def handler(self) -> tuple[str, str]:
        """(module, function) in `handlers`."""
        return handler_name(self.tag, self.operation_id)

    @property
    def stem(self) -> str:
        """`update-server` as the beginning of class names: `UpdateServer`."""
        return "".join(part.capitalize() for part in self.operation_id.split("-"))


def read_document(checkout: Checkout) -> dict[str, Any]:
    """The contract of a checkout. Raises RegenerateError, naming the place, where it is no valid OpenAPI document."""
    text = checkout.read(SPEC) or ""
    try:
        _refuse_repeated_keys(yaml.compose(text, SAFE_LOADER))
        document = yaml.load(text, SAFE_LOADER)  # noqa: S506 (it is safe)
    except yaml.YAMLError as error:
        raise RegenerateError(f"{SPEC} is not YAML: {' '.join(str(error).split())}") from None
    if not isinstance(document, dict) or not str(document.get("openapi")).startswith("3.0."):
        raise RegenerateError(f"{SPEC} is not an OpenAPI 3.0 document, which is what Connexion reads.")
    try:
        validate(document)
    except OpenAPIValidationError as error:
        place = "/".join(str(part) for part in getattr(error, "absolute_path", ()))
        raise RegenerateError(
            f"{SPEC} is not valid OpenAPI{' at ' + place if place else ''}: {_short(error)}"
        ) from None
    return with_answer_headers(document)


def _refuse_repeated_keys(node: Any) -> None:
    """YAML lets the second of two equal keys win in silence, which is how a merge loses an operation."""
    if isinstance(node, yaml.SequenceNode):
        for item in node.value:
            _refuse_repeated_keys(item)
    elif isinstance(node, yaml.MappingNode):
        seen = set()
        for key, value in node.value:
            if key.value in seen:
                raise RegenerateError(f"{SPEC} has {key.value!r} twice, again at line {key.start_mark.line + 1}.")
            seen.add(key.value)
            _refuse_repeated_keys(value)


def _short(error: Exception) -> str:
    text = " ".join(str(getattr(error, "message", error)).split())
    return text if len(text) <= 300 else text[:300] + " ..."


def resolve(document: Mapping[str, Any], value: Mapping[str, Any]) -> Mapping[str, Any]:
    """What a `$ref` within the document leads to; anything else as it is."""
    while "$ref" in value:
        found: Any = document
        for part in value["$ref"].removeprefix("#/").split("/"):
            found = found[part.replace("~1", "/").replace("~0", "~")]
        value = found
    return value


def operations(document: Mapping[str, Any]) -> list[Operation]:
    """Every operation, in the order of the spec. Raises RegenerateError where one cannot have a handler."""
    return [
        _operation(document, path, method, item)
        for path, item in document["paths"].items()
        for method in METHODS
        if method in item
    ]


def _operation(document: Mapping[str, Any], path: str, method: str, item: Mapping[str, Any]) -> Operation:
    spec = item[method]
    where = f"{method.upper()} {path}"
    operation_id = spec.get("operationId", "")
    if not _OPERATION_ID.match(operation_id):
        raise RegenerateError(f"{where} needs an operationId of lower-case words joined by hyphens.")
    tags = spec.get("tags", [])
    if len(tags) != 1 or not _TAG.match(tags[0]):
        raise RegenerateError(f"{where} needs exactly one tag, of words of letters and digits: it names the module.")
    return Operation(
        method=method,
        path=path,
        operation_id=operation_id,
        tag=tags[0],
        parameters=tuple(
            resolve(document, entry) for entry in (*item.get("parameters", ()), *spec.get("parameters", ()))
        ),
        body=resolve(document, spec["requestBody"]) if "requestBody" in spec else None,
        responses={str(status): resolve(document, entry) for status, entry in spec["responses"].items()},
        spec=spec,
    )


def json_schema(carrier: Mapping[str, Any]) -> Mapping[str, Any] | None:
    """The schema of a request body's or response's JSON; None where it has none."""
    schema: Mapping[str, Any] | None = carrier.get("content", {}).get("application/json", {}).get("schema")
    return schema


def success(operation: Operation) -> Iterator[tuple[str, Mapping[str, Any]]]:
    """The (status, response) pairs that say that it went well."""
    return ((status, entry) for status, entry in operation.responses.items() if status.startswith("2"))
