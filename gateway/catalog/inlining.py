"""Schemas for a reader: references written out, recursion and depth and size cut."""

import re
from collections.abc import Mapping
from typing import Any

from gateway.catalog.dialect import Converted, Converter
from gateway.catalog.keywords import ANNOTATIONS, SIMPLE_TYPES, is_nullable
from gateway.catalog.pointers import target

# Of a description, where room is scarce.
SHORT = 300
TOO_DEEP = "is not shown deeper than this"


class TooLarge(Exception):
    """The schema does not fit the budget at this depth."""


class Inliner(Converter):
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
        return _joined(converted, self.beside(node), nullable=is_nullable(node))

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
            if rest.keys() <= set(ANNOTATIONS):
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
            raise TooLarge


def _joined(found: dict[str, Any], beside: dict[str, Any], *, nullable: bool) -> dict[str, Any]:
    asserting = beside.keys() - set(ANNOTATIONS)
    joined = {"allOf": [found], **beside} if asserting else {**found, **beside}
    return {"anyOf": [joined, {"type": "null"}]} if nullable else joined


def stub(node: Any, name: str, why: str = TOO_DEEP) -> dict[str, Any]:
    """A schema that stands for a larger one: of its type where that is plain, and with its description."""
    node = node if isinstance(node, Mapping) else {}
    kind, described = node.get("type"), node.get("description")
    said = described[:SHORT].rstrip(". ") + ". " if isinstance(described, str) and described.strip() else ""
    found = {"description": f"{said}({name or 'This'} {why}.)"}
    # Null must stay possible, so a type is only said where nothing else can be meant.
    known = isinstance(kind, str) and kind in SIMPLE_TYPES and not is_nullable(node)
    return {"type": kind, **found} if known else found


def _name(reference: str) -> str:
    return re.sub(r"~1|~0", " ", reference.rpartition("/")[2])[:80]
