"""Schemas for a reader: references written out, recursion and depth and size cut."""

import re
from collections.abc import Mapping
from itertools import islice
from typing import Any

from gateway.catalog.documents.pointers import target
from gateway.catalog.schemas.dialect import Converted, Converter
from gateway.catalog.schemas.keywords import ANNOTATIONS, SIMPLE_TYPES, is_nullable

# Of a description, where room is scarce.
SHORT = 300
TOO_DEEP = "is not shown deeper than this"
TOO_MUCH = "is too much to be shown"
# Of an object's properties, and of the characters of a list of values, where room is scarce.
_MOST_PROPERTIES = 300
_LONGEST_VALUES = 10_000


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
        if self._longest is not None:
            node = _narrowed(node)
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
            for name in ("enum", "const"):
                if _is_long(converted.get(name)):
                    del converted[name]
                    converted["description"] = _said(converted, f"What it may be {TOO_MUCH}.")
        if self._budget is None:
            return
        self._budget -= 2
        for name, value in converted.items():
            if name in ("enum", "examples") and 4 * len(value) > self._budget:
                raise TooLarge
            # What is nested was paid for when it was converted; its names and braces are paid here.
            nested = isinstance(value, (dict, list)) and name not in ("enum", "examples", "default", "const")
            self._budget -= len(name) + 4 + (20 * len(value) if nested else len(str(value)))
        if self._budget < 0:
            raise TooLarge


def _narrowed(node: Mapping[str, Any]) -> Mapping[str, Any]:
    """An object of very many properties with the first of them; the others are possible, and not shown."""
    properties = node.get("properties")
    if not isinstance(properties, Mapping) or len(properties) <= _MOST_PROPERTIES:
        return node
    shown = dict(islice(properties.items(), _MOST_PROPERTIES))
    about = _said(node, f"Of its {len(properties):,} properties {_MOST_PROPERTIES} are shown.")
    required = node.get("required")
    kept = [name for name in required if name in shown] if isinstance(required, list) else []
    rest = {name: value for name, value in node.items() if name not in ("additionalProperties", "required")}
    return {**rest, "properties": shown, "description": about, **({"required": kept} if kept else {})}


def _said(node: Mapping[str, Any], remark: str) -> str:
    described = node.get("description")
    return f"{described[:SHORT]} ({remark})" if isinstance(described, str) and described else f"({remark})"


def _is_long(value: Any) -> bool:
    return (isinstance(value, list) and len(value) > _LONGEST_VALUES) or len(str(value)) > _LONGEST_VALUES


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
