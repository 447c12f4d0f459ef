"""Schemas for assistants (self-contained, bounded) and for the validator (whole, recursive)."""

import re
from collections.abc import Mapping
from contextlib import suppress
from functools import lru_cache
from typing import Any

import jsonschema_rs

from gateway.catalog.dialect import SIMPLE_TYPES, Converted, Converter
from gateway.catalog.pointers import target

Validator = jsonschema_rs.Draft202012Validator

# Roughly the characters of a schema as JSON: what one action may take of an assistant's attention.
BUDGET = 60_000
_DEPTHS = (10, 7, 5, 4, 3, 2, 1)
_SHORT = 300
TOO_DEEP = "is not shown deeper than this"
_MOST_DEFINITIONS = 5_000
# Ample for honest patterns; what needs more is refused instead of keeping the process busy.
_PATTERNS = jsonschema_rs.FancyRegexOptions(backtrack_limit=100_000)


def resolve(document: Mapping[str, Any], schema: Any, *, budget: int = BUDGET, files: bool = False) -> dict[str, Any]:
    """A schema of the document as self-contained JSON Schema 2020-12, for an assistant to read.

    References are written out. Where a schema comes back to itself, or stands deeper than ten schemas within one
    another, a stub stands that admits anything of the right type and says what it stands for. `budget` bounds the size,
    in characters of JSON: what is larger is cut at fewer levels, so that all of the upper ones are shown. `files`:
    binary strings are files, given in base64.
    """
    for depth in _DEPTHS:
        try:
            return _as_object(_Inliner(document, depth, budget, files=files).schema(schema))
        except _TooLarge:
            continue
    return _as_object(_Inliner(document, 0, None, files=files, longest=_SHORT).schema(schema))


def validator(document: Mapping[str, Any], schema: Any, *, files: bool = False) -> Validator:
    """A compiled validator of the same input, recursion included. It never fetches anything.

    Patterns that the engine cannot compile are left out: the platform will judge. Compiling takes a millisecond or so:
    keep the result.
    """
    bundler = _Bundler(document, files=files)
    bundle = _as_object(bundler.schema(schema))
    definitions = bundler.definitions()
    if definitions:
        bundle = {**bundle, "$defs": definitions}
    with suppress(ValueError):
        return _compiled(bundle)
    return _compiled(_without_bad_patterns(bundle))


def _compiled(schema: dict[str, Any]) -> Validator:
    return Validator(schema, validate_formats=False, offline=True, pattern_options=_PATTERNS)


@lru_cache(maxsize=4096)
def _compiles(pattern: str) -> bool:
    try:
        _compiled({"pattern": pattern})
    except ValueError:
        return False
    return True


def _without_bad_patterns(node: Any) -> Any:
    if isinstance(node, list):
        return [_without_bad_patterns(item) for item in node]
    if not isinstance(node, dict):
        return node
    kept: dict[str, Any] = {}
    for name, value in node.items():
        if name == "pattern" and isinstance(value, str) and not _compiles(value):
            continue
        if name == "patternProperties" and isinstance(value, dict):
            value = {pattern: child for pattern, child in value.items() if _compiles(pattern)}
        kept[name] = value if name in ("enum", "const", "default", "examples") else _without_bad_patterns(value)
    return kept


def _as_object(schema: Converted) -> dict[str, Any]:
    return schema if isinstance(schema, dict) else {} if schema else {"not": {}}


class _TooLarge(Exception):
    """The schema does not fit the budget at this depth."""


class _Inliner(Converter):
    def __init__(
        self,
        document: Mapping[str, Any],
        depth: int,
        budget: int | None,
        *,
        files: bool,
        longest: int | None = None,
    ) -> None:
        super().__init__(document, files=files)
        self._depth = depth
        self._budget = budget
        self._longest = longest
        self._level = 0
        # The references that lead to where we are.
        self._trail: list[str] = []
        self._stubs = 0

    def reference(self, node: Mapping[str, Any], *, opened: bool) -> Converted:
        reference = node["$ref"]
        found = target(self.document, reference)
        if reference in self._trail or len(self._trail) > 4 * self._depth:
            return {**self._stub(found, _name(reference), "comes back to itself here"), **self.annotations(node)}
        self._trail.append(reference)
        converted = self.schema(found, opened=opened)
        self._trail.pop()
        if not isinstance(converted, dict):
            return converted
        return _joined(converted, self.beside(node), nullable=node.get("nullable") is True)

    def plain(self, node: Mapping[str, Any], *, opened: bool = False) -> dict[str, Any]:
        if self._level > self._depth:
            name = _name(self._trail[-1]) if self._trail else ""
            return self._stub(node, name, TOO_DEEP)
        self._level += 1
        converted = super().plain(node, opened=opened)
        self._level -= 1
        members = converted.get("allOf")
        if members and len(members) == 1 and isinstance(members[0], dict):
            rest = {name: value for name, value in converted.items() if name != "allOf"}
            # `allOf` with one member only carries the description beside it.
            if rest.keys() <= {"title", "description", "default", "examples", "deprecated"}:
                converted = {**members[0], **rest}
        self._spend(converted)
        return converted

    def negated(self, node: Any) -> Converted:
        stubs = self._stubs
        found = super().negated(node)
        # A stub admits anything, so under `not` it would forbid everything.
        return False if self._stubs > stubs else found

    def _stub(self, node: Any, name: str, why: str) -> dict[str, Any]:
        self._stubs += 1
        return stub(node, name, why)

    def _spend(self, converted: dict[str, Any]) -> None:
        if self._longest is not None:
            for name in ("description", "title"):
                if len(converted.get(name, "")) > self._longest:
                    converted[name] = converted[name][: self._longest] + "…"
            for name in ("examples", "default"):
                if len(str(converted.get(name, ""))) > self._longest:
                    del converted[name]
        if self._budget is None:
            return
        self._budget -= 2
        for name, value in converted.items():
            # What is nested was paid for when it was converted; its names and braces are paid here.
            nested = isinstance(value, (dict, list)) and name not in ("enum", "examples", "default", "const")
            self._budget -= len(name) + 4 + (20 * len(value) if nested else len(str(value)))
        if self._budget < 0:
            raise _TooLarge


def _joined(found: dict[str, Any], beside: dict[str, Any], *, nullable: bool) -> dict[str, Any]:
    asserting = beside.keys() - {"title", "description", "default", "examples", "deprecated"}
    joined = {"allOf": [found], **beside} if asserting else {**found, **beside}
    return {"anyOf": [joined, {"type": "null"}]} if nullable else joined


def stub(node: Any, name: str, why: str = TOO_DEEP) -> dict[str, Any]:
    """A schema that stands for a larger one: of its type where that is plain, and with its description."""
    node = node if isinstance(node, Mapping) else {}
    kind, described = node.get("type"), node.get("description")
    said = described[:_SHORT].rstrip(". ") + ". " if isinstance(described, str) and described.strip() else ""
    found = {"description": f"{said}({name or 'This'} {why}.)"}
    # Null must stay possible, so a type is only said where nothing else can be meant.
    known = isinstance(kind, str) and kind in SIMPLE_TYPES and not node.get("nullable")
    return {"type": kind, **found} if known else found


def _name(reference: str) -> str:
    return re.sub(r"~1|~0", " ", reference.rpartition("/")[2])[:80]


class _Bundler(Converter):
    """Each reference becomes one definition, however often it is used, and however it comes back to itself."""

    def __init__(self, document: Mapping[str, Any], *, files: bool) -> None:
        super().__init__(document, files=files)
        self._names: dict[tuple[str, bool], str] = {}
        self._waiting: list[tuple[str, bool]] = []

    def reference(self, node: Mapping[str, Any], *, opened: bool) -> Converted:
        key = (node["$ref"], opened)
        if key not in self._names:
            if len(self._names) >= _MOST_DEFINITIONS:
                return {}
            self._names[key] = str(len(self._names))
            self._waiting.append(key)
        found = {**self.beside(node), "$ref": f"#/$defs/{self._names[key]}"}
        return {"anyOf": [found, {"type": "null"}]} if node.get("nullable") is True else found

    def definitions(self) -> dict[str, Converted]:
        """All that has been referred to, and what that refers to in turn."""
        found: dict[str, Converted] = {}
        while self._waiting:
            reference, opened = self._waiting.pop()
            found[self._names[reference, opened]] = self.schema(target(self.document, reference), opened=opened)
        return found
