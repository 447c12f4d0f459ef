"""YAML events to plain values, without PyYAML's composer: that one recurses in C (a deeply nested document ends the
process), makes dates of strings and `on` a boolean, and takes four times as long."""

import math
import re
from dataclasses import dataclass, field
from typing import Any

import yaml

from gateway.catalog.documents.problems import DocumentError

_TAG = "tag:yaml.org,2002:"
_TEXT_TAGS = frozenset({f"{_TAG}str", f"{_TAG}timestamp", f"{_TAG}binary", "!"})
_PLAIN_TAGS = frozenset({f"{_TAG}{name}" for name in ("int", "float", "bool", "null")})
_COLLECTION_TAGS = frozenset({None, "!", f"{_TAG}map", f"{_TAG}seq"})
# YAML 1.2.2, section 10.3.2. Only what begins like a number is tried as one.
_WORDS: dict[str, Any] = {"": None, "~": None, "null": None, "Null": None, "NULL": None}
_WORDS |= dict.fromkeys(("true", "True", "TRUE"), True) | dict.fromkeys(("false", "False", "FALSE"), False)
_NUMBER_START = frozenset("+-.0123456789")
# Longer ones stay text: nobody means a number by them, and they would not fit into one.
_INTEGER = re.compile(r"[-+]?[0-9]{1,300}")
_OCTAL = re.compile(r"0o[0-7]{1,100}")
_HEXADECIMAL = re.compile(r"0x[0-9a-fA-F]{1,100}")
_FLOAT = re.compile(r"[-+]?(?:\.[0-9]{1,300}|[0-9]{1,300}(?:\.[0-9]{0,300})?)(?:[eE][-+]?[0-9]{1,9})?")
_NOT_FINITE = re.compile(r"[-+]?\.(?:inf|Inf|INF)|\.(?:nan|NaN|NAN)")


@dataclass(frozen=True, slots=True)
class Limits:
    """How deep a document may nest, and how many values it may hold once its aliases are written out."""

    depth: int
    nodes: int


@dataclass(slots=True)
class _Open:
    """A collection whose end has not come yet."""

    value: dict[str, Any] | list[Any]
    anchor: str | None
    line: int
    # Values inside, aliases written out, and how many levels they nest.
    nodes: int = 1
    height: int = 1
    key: str | None = None
    merging: bool = False
    lines: dict[str, int] = field(default_factory=dict)
    merges: list[dict[str, Any]] = field(default_factory=list)


def build(events: Any, limits: Limits) -> Any:
    """The value of the only document in a stream of events (a PyYAML loader, of which `get_event` is used).

    Raises DocumentError (with the line) and yaml.YAMLError.
    """
    return _Builder(events, limits).run()


class _Builder:
    def __init__(self, events: Any, limits: Limits) -> None:
        self._events = events
        self._limits = limits
        self._open: list[_Open] = []
        # Per finished anchor: its value, its size, its height.
        self._anchors: dict[str, tuple[Any, int, int]] = {}
        self._documents = 0
        self._result: Any = None

    def run(self) -> Any:
        get_event = self._events.get_event
        while not isinstance(event := get_event(), yaml.StreamEndEvent):
            if isinstance(event, yaml.ScalarEvent):
                self._scalar(event)
            elif isinstance(event, (yaml.MappingStartEvent, yaml.SequenceStartEvent)):
                self._start(event)
            elif isinstance(event, (yaml.MappingEndEvent, yaml.SequenceEndEvent)):
                self._end()
            elif isinstance(event, yaml.AliasEvent):
                self._alias(event)
            elif isinstance(event, yaml.DocumentStartEvent):
                self._documents += 1
                if self._documents > 1:
                    raise _problem(event, "documents", "the text holds more than one YAML document.")
        return self._result

    def _scalar(self, event: Any) -> None:
        if not event.value.isascii():
            _check_unicode(event)
        frame = self._open[-1] if self._open else None
        if frame is not None and frame.key is None and isinstance(frame.value, dict):
            if event.anchor is not None:
                self._anchors[event.anchor] = (event.value, 1, 0)
            # `<<` merges only where it stands without quotation marks.
            frame.merging = event.value == "<<" and event.implicit[0]
            _name(frame, event.value, event)
            return
        value = _scalar_value(event)
        if event.anchor is not None:
            self._anchors[event.anchor] = (value, 1, 0)
        self._place(value, 1, 0, event)

    def _start(self, event: Any) -> None:
        if self._open and self._open[-1].key is None and isinstance(self._open[-1].value, dict):
            raise _problem(event, "keys", "a key must be a string.")
        if event.tag not in _COLLECTION_TAGS:
            raise _problem(event, "tag", "only YAML's own tags for strings, numbers, lists and objects are taken.")
        if len(self._open) >= self._limits.depth:
            raise _problem(event, "depth", f"the document is nested deeper than {self._limits.depth} levels.")
        value: dict[str, Any] | list[Any] = {} if isinstance(event, yaml.MappingStartEvent) else []
        self._open.append(_Open(value, event.anchor, event.start_mark.line + 1))

    def _end(self) -> None:
        frame = self._open.pop()
        if isinstance(frame.value, dict):
            # What an object says itself stands before what it merges in (yaml.org/type/merge.html).
            for merged in frame.merges:
                for name, value in merged.items():
                    frame.value.setdefault(name, value)
        if frame.anchor is not None:
            self._anchors[frame.anchor] = (frame.value, frame.nodes, frame.height)
        self._place(frame.value, frame.nodes, frame.height, None, frame.line)

    def _alias(self, event: Any) -> None:
        if event.anchor not in self._anchors:
            rule = "is used inside itself" if any(f.anchor == event.anchor for f in self._open) else "is not defined"
            raise _problem(event, "alias", f"the alias *{event.anchor[:80]} {rule}.")
        value, nodes, height = self._anchors[event.anchor]
        frame = self._open[-1]
        if frame.key is None and isinstance(frame.value, dict):
            if not isinstance(value, str):
                raise _problem(event, "keys", "a key must be a string.")
            _name(frame, value, event)
            return
        self._place(value, nodes, height, event)

    def _place(self, value: Any, nodes: int, height: int, event: Any, line: int = 0) -> None:
        """Put a finished value where it belongs, and count it."""
        if not self._open:
            self._result = value
            return
        frame = self._open[-1]
        frame.nodes += nodes
        frame.height = max(frame.height, height + 1)
        line = line or event.start_mark.line + 1
        if frame.nodes > self._limits.nodes:
            raise DocumentError(
                f"line {line}", "maxItems", f"with its aliases the document has over {self._limits.nodes:,} values."
            )
        if len(self._open) + height > self._limits.depth:
            raise DocumentError(
                f"line {line}", "depth", f"the document is nested deeper than {self._limits.depth} levels."
            )
        if isinstance(frame.value, list):
            frame.value.append(value)
            return
        name, frame.key = frame.key, None
        if frame.merging:
            frame.merging = False
            frame.merges.extend(_merged(value, line))
        elif name is not None:
            frame.value[name] = value


def _name(frame: _Open, name: str, event: Any) -> None:
    """The key of the next value of an object. Other spellings of YAML (`200`, `true`) are the strings that they are."""
    if not frame.merging and (first := frame.lines.get(name)):
        raise _problem(event, "uniqueKeys", f"the key {name[:80]!r} stands here and on line {first}.")
    frame.lines[name] = event.start_mark.line + 1
    frame.key = name


def _merged(value: Any, line: int) -> list[dict[str, Any]]:
    found = value if isinstance(value, list) else [value]
    if not all(isinstance(item, dict) for item in found):
        raise DocumentError(f"line {line}", "merge", "`<<` takes an object or a list of objects.")
    return found


def _scalar_value(event: Any) -> Any:
    text: str = event.value
    if event.tag is None:
        return _resolve(text, event) if event.implicit[0] else text
    if event.tag in _TEXT_TAGS:
        return text
    if event.tag in _PLAIN_TAGS:
        return _resolve(text, event)
    raise _problem(event, "tag", "only YAML's own tags for strings, numbers, lists and objects are taken.")


def _resolve(text: str, event: Any) -> Any:
    if text in _WORDS:
        return _WORDS[text]
    if text[0] not in _NUMBER_START:
        return text
    if _INTEGER.fullmatch(text):
        return _number(int(text))
    if _OCTAL.fullmatch(text):
        return _number(int(text[2:], 8))
    if _HEXADECIMAL.fullmatch(text):
        return _number(int(text[2:], 16))
    if _NOT_FINITE.fullmatch(text):
        raise _problem(event, "number", "JSON has no infinity and no NaN.")
    if _FLOAT.fullmatch(text):
        value = float(text)
        return value if math.isfinite(value) else text
    return text


def _number(value: int) -> int | float:
    """As JSON parsers do: an integer of more than 64 bits is a floating-point number."""
    return value if -(2**63) <= value < 2**64 else float(value)


def _check_unicode(event: Any) -> None:
    """PyYAML's own parser lets escaped lone surrogates pass, libyaml does not; no JSON could hold them."""
    try:
        event.value.encode()
    except UnicodeEncodeError:
        raise _problem(event, "yaml", "not valid YAML.") from None


def _problem(event: Any, rule: str, message: str) -> DocumentError:
    return DocumentError(f"line {event.start_mark.line + 1}", rule, message)
