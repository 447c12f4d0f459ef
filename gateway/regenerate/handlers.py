"""Handler stubs for operations that have none yet, each with a test that fails; and handlers that have no operation.

Only ever appends, and only what is missing: what a person wrote, a stub that they have filled in included, stays.
"""

import ast
from collections.abc import Iterable, Iterator, Mapping
from typing import Any

from gateway.http.parameters import snake
from gateway.regenerate.checkout import Checkout
from gateway.regenerate.operations import Operation, json_schema, resolve

_TYPES = {"string": "str", "integer": "int", "number": "float", "boolean": "bool", "array": "list[object]"}

_TEST_HEAD = '''"""Operations without a test yet. By `toolgate regenerate`; docs/regeneration.md tells how to go on."""

import pytest
'''


def stubs(checkout: Checkout, document: Mapping[str, Any], operations: Iterable[Operation]) -> dict[str, str]:
    """File name -> whole new text, for each handlers module and test file that needs something appended."""
    files: dict[str, str] = {}

    def text_of(name: str, otherwise: str) -> str:
        return files.get(name) or checkout.read(name) or otherwise

    for operation in operations:
        module, function = operation.handler
        name = f"handlers/{module}.py"
        text = text_of(name, _module_head(document, operation.tag))
        if function in set(_bound(text)):
            continue
        files[name] = f"{text.rstrip()}\n\n\n{_stub(document, operation)}"
        name = f"tests/handlers/test_{module}_stubs.py"
        text = text_of(name, _TEST_HEAD)
        if f"test_{function}" not in set(_bound(text)):
            files[name] = f"{text.rstrip()}\n\n\n{_failing_test(operation)}"
    return files


def orphans(checkout: Checkout, operations: Iterable[Operation]) -> list[str]:
    """Handlers that no operation leads to, as dotted names. Names that begin with `_` are helpers."""
    known = {operation.handler for operation in operations}
    handlers = (
        (path.stem, node.name)
        for path in sorted((checkout.root / "handlers").glob("*.py"))
        for node in ast.parse(path.read_text("utf-8")).body
        if isinstance(node, ast.AsyncFunctionDef) and not node.name.startswith("_")
    )
    return [f"handlers.{module}.{function}" for module, function in handlers if (module, function) not in known]


def _bound(text: str) -> Iterator[str]:
    """The names that a module binds at its top level."""
    for node in ast.parse(text).body:
        if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef | ast.ClassDef):
            yield node.name
        elif isinstance(node, ast.Import | ast.ImportFrom):
            yield from (alias.asname or alias.name for alias in node.names)
        elif isinstance(node, ast.Assign):
            yield from (target.id for target in node.targets if isinstance(target, ast.Name))


def _module_head(document: Mapping[str, Any], tag: str) -> str:
    described = next((entry.get("description") for entry in document.get("tags", ()) if entry["name"] == tag), None)
    return f'"""{_line(f"{tag}: {described}" if described else tag)}."""\n'


def _line(text: str) -> str:
    """Text of the spec as it may stand in a docstring."""
    return " ".join(text.split()).replace("\\", "/").replace('"""', "'''").rstrip('."')[:110]


def _stub(document: Mapping[str, Any], operation: Operation) -> str:
    _, function = operation.handler
    taken = [
        f"{snake(parameter['name'])}: {_type(document, parameter)}"
        for parameter in operation.parameters
        if parameter["in"] in ("path", "query")
    ]
    if operation.body is not None:
        schema = resolve(document, json_schema(operation.body) or {})
        taken.append(f"body: {'dict[str, object]' if schema.get('type') == 'object' else 'object'}")
    # One line for each, as ruff leaves it, so that each has its own reason for standing there unused.
    lines = "".join(f"    {item},  # noqa: ARG001 (a stub uses nothing yet)\n" for item in taken)
    signature = f"(\n    *,\n{lines})" if taken else "()"
    return f'''async def {function}{signature} -> dict[str, object]:
    """{operation.method.upper()} {operation.path}, to be written; ask for `gate` and `caller` by name."""
    from gateway.errors import Unavailable  # noqa: PLC0415 (a stub leaves the module's imports as they are)

    raise Unavailable("{operation.operation_id} is not implemented yet")
'''


def _type(document: Mapping[str, Any], parameter: Mapping[str, Any]) -> str:
    schema = resolve(document, parameter.get("schema", {}))
    kind = _TYPES.get(schema.get("type", ""), "object")
    optional = not parameter.get("required") and "default" not in schema
    return f"{kind} | None" if optional else kind


def _failing_test(operation: Operation) -> str:
    module, function = operation.handler
    said = f"write handlers.{module}.{function}, and say here what it answers, what it refuses, and who may call it"
    return f'''def test_{function}() -> None:
    pytest.fail(
        "{operation.method.upper()} {operation.path} has no test yet: "
        "{said}"
    )
'''
