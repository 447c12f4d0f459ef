"""What a validator found, in words that name the place and the rule and never repeat the value: it may be a secret."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

import jsonschema_rs

_LONGEST_NAME = 100
_MOST_OPTIONS = 30


@dataclass(frozen=True, slots=True)
class Complaint:
    """`path` leads to the value; `rule` is the JSON Schema keyword; `sentence` has no subject and no full stop."""

    path: tuple[str | int, ...]
    rule: str
    sentence: str


def complain(error: jsonschema_rs.ValidationError) -> Complaint:
    """The error, or of a choice between schemas the one that came closest."""
    error = _closest(error)
    rule = error.kind.name
    about = error.kind.as_dict()
    path = [part[:_LONGEST_NAME] if isinstance(part, str) else part for part in error.instance_path]
    if rule == "required":
        path.append(about["property"])
    elif rule == "additionalProperties":
        path.append(about["unexpected"][0][:_LONGEST_NAME])
    sentence = _type(error) if rule == "type" else _SENTENCES.get(rule, _fallback)(about)
    return Complaint(tuple(path), rule, sentence)


def _closest(error: jsonschema_rs.ValidationError) -> jsonschema_rs.ValidationError:
    """Of a choice, an error of the branch that was meant: its type fits, and so do the words that tell branches apart;
    of those, the one where the errors are deepest and fewest."""
    while error.kind.name in ("anyOf", "oneOf"):
        branches = [errors for errors in error.kind.as_dict().get("context", ()) if errors and not _only_null(errors)]
        if not branches:
            break
        here = len(error.instance_path)
        best = max(
            branches,
            key=lambda errors: (
                not _fails(errors, here, "type", "const", "enum"),
                not _fails(errors, here + 1, "const", "enum"),
                _depth(errors),
                -len(errors),
            ),
        )
        if len(branches) > 1 and _fails(best, here, "type", "const", "enum"):
            break
        error = max(best, key=lambda found: len(found.instance_path))
    return error


def _only_null(errors: list[jsonschema_rs.ValidationError]) -> bool:
    return errors[0].kind.name == "type" and list(errors[0].kind.as_dict()["types"]) == ["null"]


def _fails(errors: list[jsonschema_rs.ValidationError], depth: int, *rules: str) -> bool:
    return any(found.kind.name in rules and len(found.instance_path) == depth for found in errors)


def _depth(errors: list[jsonschema_rs.ValidationError]) -> int:
    return max(len(found.instance_path) for found in errors)


def _type(error: jsonschema_rs.ValidationError) -> str:
    """Nothing is converted silently, so the commonest slips of assistants are told how to be mended."""
    types = list(error.kind.as_dict()["types"])
    said = f"must be of type {' or '.join(types)}"
    if error.instance is None:
        return f"{said}, not null: leave it out to say nothing"
    if isinstance(error.instance, str) and "string" not in types:
        if {"object", "array"} & set(types):
            return f"{said}, not a string: give it as JSON, not as text that holds JSON"
        return f"{said}, not a string: give it without quotation marks"
    return said


def _enum(about: Mapping[str, Any]) -> str:
    options = list(about["options"])
    more = f", ... ({len(options)} in all)" if len(options) > _MOST_OPTIONS else ""
    return f"must be one of {', '.join(str(option)[:_LONGEST_NAME] for option in options[:_MOST_OPTIONS])}{more}"


def _count(noun: str, *, most: bool) -> Callable[[Mapping[str, Any]], str]:
    def say(about: Mapping[str, Any]) -> str:
        limit = about["limit"]
        return f"must have at {'most' if most else 'least'} {limit} {noun}{'' if limit == 1 else 's'}"

    return say


def _fallback(_: Mapping[str, Any]) -> str:
    return "does not have one of the documented forms"


_SENTENCES: dict[str, Callable[[Mapping[str, Any]], str]] = {
    "required": lambda _: "is required",
    "additionalProperties": lambda _: "is not known here",
    "unevaluatedProperties": lambda _: "has properties that are not known here",
    "enum": _enum,
    "const": lambda about: f"must be {str(about['expected_value'])[:_LONGEST_NAME]}",
    "pattern": lambda about: f"must match {about['pattern'][:200]}",
    "minimum": lambda about: f"must be {about['limit']} or more",
    "maximum": lambda about: f"must be {about['limit']} or less",
    "exclusiveMinimum": lambda about: f"must be more than {about['limit']}",
    "exclusiveMaximum": lambda about: f"must be less than {about['limit']}",
    "multipleOf": lambda about: f"must be a multiple of {about['multiple_of']}",
    "minLength": _count("character", most=False),
    "maxLength": _count("character", most=True),
    "minItems": _count("item", most=False),
    "maxItems": _count("item", most=True),
    "minProperties": _count("field", most=False),
    "maxProperties": _count("field", most=True),
    "uniqueItems": lambda _: "must not hold the same item twice",
}
