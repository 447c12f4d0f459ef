"""The keywords of JSON Schema that are understood, and what each one's value must be to mean something."""

from collections.abc import Callable, Mapping
from typing import Any

from gateway.catalog.schemas.patterns import compiles

SIMPLE_TYPES = frozenset({"string", "number", "integer", "boolean", "object", "array"})
TYPES = SIMPLE_TYPES | {"null"}


def _is_text(value: Any) -> bool:
    return isinstance(value, str)


def is_number(value: Any) -> bool:
    return isinstance(value, (int, float)) and not isinstance(value, bool)


def _is_count(value: Any) -> bool:
    return is_number(value) and value >= 0 and value == int(value)


def _is_flag(value: Any) -> bool:
    return isinstance(value, bool)


def is_filled_list(value: Any) -> bool:
    return isinstance(value, list) and bool(value)


# Keywords whose value is kept as it is, where it is of the right kind.
PLAIN: Mapping[str, Callable[[Any], bool]] = {
    **dict.fromkeys(("title", "description", "format", "contentEncoding", "contentMediaType"), _is_text),
    "pattern": lambda value: _is_text(value) and compiles(value),
    **dict.fromkeys(("minimum", "maximum", "exclusiveMinimum", "exclusiveMaximum"), is_number),
    "multipleOf": lambda value: is_number(value) and value > 0,
    **dict.fromkeys(("minLength", "maxLength", "minItems", "maxItems", "minProperties", "maxProperties"), _is_count),
    **dict.fromkeys(("minContains", "maxContains"), _is_count),
    **dict.fromkeys(("uniqueItems", "deprecated"), _is_flag),
    **dict.fromkeys(("default", "const"), lambda _: True),
    **dict.fromkeys(("enum", "examples"), is_filled_list),
}
# Words of programming languages that stand for types all over the world, and Swagger 2.0's `file`.
MEANT: Mapping[str, str] = {
    **dict.fromkeys(("int", "int32", "int64", "long"), "integer"),
    **dict.fromkeys(("float", "double", "decimal"), "number"),
    **dict.fromkeys(("str", "text", "file"), "string"),
    "bool": "boolean",
}
# Keywords that hold one schema; `items` and the lists of schemas are treated one by one (gateway.catalog.dialect).
ONE = frozenset(
    {
        "additionalProperties", "not", "if", "then", "else", "contains", "propertyNames", "unevaluatedItems",
        "unevaluatedProperties",
    }
)  # fmt: skip
# Keywords that hold schemas by name.
BY_NAME = frozenset({"properties", "patternProperties", "dependentSchemas"})
# What is for the reader and asserts nothing.
ANNOTATIONS = ("title", "description", "default", "examples", "deprecated")


def is_nullable(node: Mapping[str, Any]) -> bool:
    """Whether a schema admits null beside what it says: OpenAPI 3.0's word, or Swagger 2.0's by custom."""
    return node.get("nullable") is True or node.get("x-nullable") is True


def types_of(value: Any) -> str | list[str] | None:
    """The value of `type`, without what is no type; None where nothing is left."""
    if isinstance(value, str):
        value = MEANT.get(value, value)
        return value if value in TYPES else None
    if isinstance(value, list):
        names = (MEANT.get(name, name) for name in value if isinstance(name, str))
        return list(dict.fromkeys(name for name in names if name in TYPES)) or None
    return None
