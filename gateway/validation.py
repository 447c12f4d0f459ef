"""OpenAPI 3.0 schemas compiled once into jsonschema-rs validators, and their errors put into plain words."""

from collections.abc import Callable
from typing import Any

import jsonschema_rs

from gateway.errors import InvalidRequest

Validator = jsonschema_rs.Draft202012Validator

_DROPPED = frozenset({"example", "xml", "externalDocs", "discriminator", "nullable", "readOnly", "writeOnly"})
_LONGEST_NAME = 100


def to_json_schema(schema: Any) -> Any:
    """The JSON Schema 2020-12 of an OpenAPI 3.0 schema object whose `$ref`s are resolved already."""
    if isinstance(schema, list):
        return [to_json_schema(part) for part in schema]
    if not isinstance(schema, dict):
        return schema
    converted: dict[str, Any] = {}
    for key, value in schema.items():
        if key in _DROPPED or key.startswith("x-"):
            continue
        if key in ("properties", "patternProperties"):
            converted[key] = {name: to_json_schema(part) for name, part in value.items()}
        elif key in ("enum", "default", "required"):
            converted[key] = value
        else:
            converted[key] = to_json_schema(value)
    for exclusive, bound in (("exclusiveMinimum", "minimum"), ("exclusiveMaximum", "maximum")):
        if isinstance(converted.get(exclusive), bool) and converted.pop(exclusive):
            converted[exclusive] = converted.pop(bound)
    return {"anyOf": [converted, {"type": "null"}]} if schema.get("nullable") else converted


def compile_schema(schema: dict[str, Any]) -> Validator:
    """A validator of the schema; formats are checked."""
    return Validator(to_json_schema(schema), validate_formats=True)


def check(validator: Validator, value: Any, where: str) -> None:
    """Raise InvalidRequest, naming the field and the rule, unless the value is valid.

    `where` names the value itself (`body`, `limit`); a field inside it is named by its path.
    """
    try:
        if validator.is_valid(value):
            return
        problem = next(iter(validator.iter_errors(value)))
    except ValueError:  # jsonschema-rs gives up on very deep values with a plain ValueError
        raise InvalidRequest.of(where, "depth", f"{where} is nested too deeply") from None
    raise explain(problem, where)


def explain(problem: jsonschema_rs.ValidationError, where: str) -> InvalidRequest:
    """The error in words that name the field and the rule, and never repeat the value: it may be a secret."""
    problem = _innermost(problem)
    rule = problem.kind.name
    path = [str(part)[:_LONGEST_NAME] for part in problem.instance_path]
    about = problem.kind.as_dict()
    if rule == "required":
        path.append(about["property"])
    elif rule == "additionalProperties":
        path.append(about["unexpected"][0][:_LONGEST_NAME])
    field = ".".join(path) or where
    return InvalidRequest.of(field, rule, f"{field} {_SENTENCES.get(rule, _fallback)(about)}")


def _innermost(problem: jsonschema_rs.ValidationError) -> jsonschema_rs.ValidationError:
    """Of a nullable value that is not null, the error of its real schema says more than "none of these"."""
    while problem.kind.name == "anyOf":
        branches = [errors for errors in problem.kind.as_dict()["context"] if errors]
        said = [errors[0] for errors in branches if not _only_null(errors[0])]
        if len(said) != 1:
            break
        problem = said[0]
    return problem


def _only_null(problem: jsonschema_rs.ValidationError) -> bool:
    return problem.kind.name == "type" and list(problem.kind.as_dict()["types"]) == ["null"]


def _count(noun: str, most: bool) -> Callable[[dict[str, Any]], str]:
    def say(about: dict[str, Any]) -> str:
        limit = about["limit"]
        return f"must have at {'most' if most else 'least'} {limit} {noun}{'' if limit == 1 else 's'}"

    return say


def _fallback(_: dict[str, Any]) -> str:
    return "does not have one of the documented forms"


_SENTENCES: dict[str, Callable[[dict[str, Any]], str]] = {
    "required": lambda _: "is required",
    "additionalProperties": lambda _: "is not a field of this object",
    "type": lambda about: f"must be of type {' or '.join(about['types'])}",
    "enum": lambda about: f"must be one of {', '.join(map(str, about['options']))}",
    "pattern": lambda _: "has characters or a form that is not allowed",
    "format": lambda about: f"must be a {about['format']}",
    "minimum": lambda about: f"must be {about['limit']} or more",
    "maximum": lambda about: f"must be {about['limit']} or less",
    "minLength": _count("character", most=False),
    "maxLength": _count("character", most=True),
    "minItems": _count("item", most=False),
    "maxItems": _count("item", most=True),
    "uniqueItems": lambda _: "must not hold the same item twice",
    "minProperties": _count("field", most=False),
    "maxProperties": lambda about: f"must have at most {about['limit']} fields",
}
