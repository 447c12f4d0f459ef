"""docs/reference.md: every operation and schema of the contract as tables. docs/api.md is a person's, and stays so."""

from collections import defaultdict
from collections.abc import Iterable, Iterator, Mapping
from typing import Any

from gateway.http.errors import STATUS
from gateway.regenerate.operations import Operation, json_schema

PAGE = "docs/reference.md"
_HEAD = """# API reference

<!-- Generated from spec/openapi.yaml by `toolgate regenerate`; what is changed here is overwritten. -->

Every operation of [the contract](../spec/openapi.yaml), as tables. [The API](api.md) says what they mean, and
[authentication](authentication.md) who may call them.
"""
_LONGEST_PATTERN = 60
_NO_NUL = r"^[^\u0000]*$"
# (least, most) keywords, and what they count.
_LIMITS = (
    ("minLength", "maxLength", " characters"),
    ("minimum", "maximum", ""),
    ("minItems", "maxItems", " items"),
    ("minProperties", "maxProperties", " fields"),
)


def page(document: Mapping[str, Any], operations: Iterable[Operation]) -> str:
    """The whole page, Markdown."""
    by_tag: dict[str, list[Operation]] = defaultdict(list)
    for operation in operations:
        by_tag[operation.tag].append(operation)
    parts = [_HEAD]
    for tag in [entry["name"] for entry in document.get("tags", ()) if entry["name"] in by_tag]:
        parts.append(f"## {tag}\n")
        parts += [_operation(document, operation) for operation in by_tag[tag]]
    parts.append("## Schemas\n")
    parts += [_schema(name, schema) for name, schema in sorted(document["components"]["schemas"].items())]
    return "\n".join(parts)


def _operation(document: Mapping[str, Any], operation: Operation) -> str:
    spec = operation.spec
    lines = [
        f"### {operation.operation_id}\n",
        f"`{operation.method.upper()} {operation.path}`: {_text(spec.get('summary', ''))}. "
        f"[What it means](api.md#{operation.operation_id})\n",
        f"{_text(spec.get('description', ''))}\n",
        f"{_who(document, spec)}\n",
    ]
    if operation.parameters:
        taken = [(f"`{entry['name']}`", str(entry["in"]), *_columns(entry)) for entry in operation.parameters]
        lines.append(_table(("parameter", "in", "required", "type", "meaning"), taken))
    if operation.body is not None and (schema := json_schema(operation.body)) is not None:
        if "properties" in schema:
            lines.append(_table(("body field", "required", "type", "meaning"), _fields(schema)))
        else:
            lines.append(f"Body: {_type(schema)}\n")
    rows = [_response(status, entry) for status, entry in operation.responses.items()]
    lines.append(_table(("status", "meaning", "body", "error codes"), rows))
    return "\n".join(lines)


def _who(document: Mapping[str, Any], spec: Mapping[str, Any]) -> str:
    if not spec.get("security", document.get("security")):
        return "Needs no `Authorization` header."
    keys = "an API key" if spec.get("x-caller") == "apiKey" else "an API key or a JWT"
    scope = f"; a key needs the scope `{spec['x-scope']}`" if "x-scope" in spec else ""
    return f"Needs {keys}{scope}."


def _response(status: str, response: Mapping[str, Any]) -> tuple[str, ...]:
    schema = json_schema(response)
    codes = [code for code, number in STATUS.items() if str(number) == status]
    headers = "".join(f"; header `{name}`" for name in response.get("headers", ()))
    is_error = schema is not None and "Error" in _names(schema)
    return (
        status,
        _text(response["description"]) + headers,
        _type(schema) if schema is not None else "",
        ", ".join(f"`{code}`" for code in codes) if is_error else "",
    )


def _names(schema: Mapping[str, Any]) -> set[str]:
    """The components that a response's schema may be, through its choices."""
    names = {schema["$ref"].rsplit("/", 1)[1]} if "$ref" in schema else set()
    for variant in (*schema.get("anyOf", ()), *schema.get("oneOf", ())):
        names |= _names(variant)
    return names


def _schema(name: str, schema: Mapping[str, Any]) -> str:
    lines = [f"### {name}\n"]
    if "description" in schema:
        lines.append(f"{_text(schema['description'])}\n")
    if "properties" in schema:
        lines.append(_table(("field", "required", "type", "meaning"), _fields(schema)))
    else:
        lines.append(f"{_sentence(_type(schema))}\n")
    return "\n".join(lines)


def _fields(schema: Mapping[str, Any], prefix: str = "") -> Iterator[tuple[str, ...]]:
    """A row for each field, those of unnamed objects within it by their dotted names."""
    required = schema.get("required", ())
    for name, field in schema["properties"].items():
        wanted = {"required": name in required, "schema": field, "description": field.get("description", "")}
        yield (f"`{prefix}{name}`", *_columns(wanted))
        if "properties" in field:
            yield from _fields(field, f"{prefix}{name}.")
        elif "properties" in field.get("items", ()):
            yield from _fields(field["items"], f"{prefix}{name}[].")


def _columns(carrier: Mapping[str, Any]) -> tuple[str, str, str]:
    """(required, type, meaning) of a parameter, or of a field made to look like one."""
    schema = carrier.get("schema", {})
    meaning = _text(carrier.get("description", "")).rstrip(".")
    rules = "; ".join(_rules(schema))
    return "yes" if carrier.get("required") else "", _type(schema), "; ".join(part for part in (meaning, rules) if part)


def _type(schema: Mapping[str, Any]) -> str:
    if "$ref" in schema:
        name = schema["$ref"].rsplit("/", 1)[1]
        return f"[{name}](#{name.lower()})"
    null = " or null" if schema.get("nullable") else ""
    if "enum" in schema:
        return ", ".join(f"`{value}`" for value in schema["enum"]) + null
    for keyword, joined in (("allOf", " and "), ("anyOf", " or "), ("oneOf", " or ")):
        named = [part for part in schema.get(keyword, ()) if set(part) - {"required"}]
        if named:
            return joined.join(_type(part) for part in named) + null
    if schema.get("type") == "array":
        return f"array of {_type(schema.get('items', {}))}{null}"
    if "properties" in schema and "required" in schema:
        return f"object with {', '.join(f'`{name}`' for name in schema['properties'])}{null}"
    kind = schema.get("type", "anything") + (f" ({schema['format']})" if "format" in schema else "")
    return str(kind) + null


def _rules(schema: Mapping[str, Any]) -> Iterator[str]:
    for least, most, counted in _LIMITS:
        if least in schema and most in schema:
            yield f"{schema[least]} to {schema[most]}{counted}"
        elif least in schema:
            yield f"{schema[least]} or more{counted}"
        elif most in schema:
            yield f"at most {schema[most]}{counted}"
    pattern = schema.get("pattern", "")
    if pattern == _NO_NUL:
        yield "no NUL"
    elif pattern and len(pattern) <= _LONGEST_PATTERN:
        yield f"matches `{pattern}`"
    elif pattern:
        yield "matches the pattern in the contract"
    if "default" in schema:
        yield f"`{schema['default']!r}` if left out" if schema["default"] != "" else "empty if left out"


def _text(value: str) -> str:
    return " ".join(value.split())


def _sentence(value: str) -> str:
    return value[:1].upper() + value[1:] + "."


def _cell(value: str) -> str:
    return value.replace("|", "\\|").replace("\n", " ")


def _table(names: tuple[str, ...], rows: Iterable[tuple[str, ...]]) -> str:
    lines = [f"| {' | '.join(names)} |", f"|{'---|' * len(names)}"]
    lines += [f"| {' | '.join(_cell(cell) for cell in row)} |" for row in rows]
    return "\n".join(lines) + "\n"
