"""Lines of a text by places in the document that it holds: JSON pointers to line numbers."""

from collections.abc import Collection
from typing import Any

import yaml

from gateway.catalog.documents.pointers import join

_LOADER: Any = getattr(yaml, "CSafeLoader", yaml.SafeLoader)
# Larger texts take more than a few seconds to be gone through; their places are told by pointer alone.
MAX_BYTES = 8 * 1024 * 1024


def lines(raw: bytes, places: Collection[str]) -> dict[str, int]:
    """The line (from 1) of each place (`#/paths/~1a`) where a value begins in a JSON or YAML text; where the text does
    not show the place itself (an alias, a merge), that of the nearest one above it.

    Empty for a text over MAX_BYTES and for one that is no YAML.
    """
    wanted = {place[:end] for place in places for end in _ends(place)}
    if not wanted or len(raw) > MAX_BYTES:
        return {}
    try:
        known = _Positions(wanted).run(_LOADER(raw))
    except yaml.YAMLError:
        return {}
    found: dict[str, int] = {}
    for place in places:
        nearest = next((place[:end] for end in reversed(_ends(place)) if place[:end] in known), None)
        if nearest is not None:
            found[place] = known[nearest]
    return found


def _ends(place: str) -> list[int]:
    """The ends of a place and of all above it, the shortest first."""
    return [*(index for index, character in enumerate(place) if character == "/"), len(place)]


def _line(event: Any) -> int:
    line: int = event.start_mark.line + 1
    return line


class _Positions:
    """Goes through the events of a text once, and keeps the lines of the places that are wanted."""

    def __init__(self, wanted: Collection[str]) -> None:
        self._wanted = wanted
        self._known: dict[str, int] = {}
        # Per open collection: its place, whether it is an object, the next key with its line, the next index.
        self._open: list[dict[str, Any]] = []

    def run(self, events: Any) -> dict[str, int]:
        while not isinstance(event := events.get_event(), yaml.StreamEndEvent):
            if isinstance(event, (yaml.MappingStartEvent, yaml.SequenceStartEvent)):
                place = self._begins(event)
                self._open.append({"place": place, "map": isinstance(event, yaml.MappingStartEvent), "index": 0})
            elif isinstance(event, (yaml.MappingEndEvent, yaml.SequenceEndEvent)):
                self._open.pop()
            elif isinstance(event, (yaml.ScalarEvent, yaml.AliasEvent)):
                frame = self._open[-1] if self._open else None
                if frame is not None and frame["map"] and "key" not in frame:
                    frame["key"] = getattr(event, "value", "")
                    frame["line"] = _line(event)
                else:
                    self._begins(event)
        return self._known

    def _begins(self, event: Any) -> str | None:
        """The place of a value that begins here; None where nobody asks for it or for anything inside."""
        if not self._open:
            place: str | None = "#"
            line = _line(event)
        else:
            frame = self._open[-1]
            if frame["map"]:
                token, line = frame.pop("key", ""), frame.pop("line", _line(event))
            else:
                token, line = frame["index"], _line(event)
                frame["index"] += 1
            place = None if frame["place"] is None else join(frame["place"], token)
        if place is None or place not in self._wanted:
            return None
        self._known.setdefault(place, line)
        return place
