"""Answers of a size that an assistant can use (the documented response size management).

The items of an answer are its top-level list, or the longest list directly under its top-level object, where it has
one; wrappers with nothing beside (`{"data": {"issues": {...}}}`, as GraphQL answers) are looked through. By their
number:

    up to 25    unchanged
    26 to 50    {"data": [first 25], "metadata": {"originalCount", "displayedCount", "truncated", "paginationHint"}}
    over 50     {"needsRefinement": true, "message", "guidance", "suggestions", "searchInstructions", "samples": [2]}

What stood beside the list in its object (cursors, flags, totals) is kept under `envelope`, so that paging can go on.
Everywhere, other lists are cut at 25 items, strings at 5 KB with an ellipsis, and nesting at 10 levels; where that
happens is told in `Shaped.cut`, as JSON pointers into the shaped answer.
"""

from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any

WHOLE = 25
MOST = 50
SAMPLES = 2
LONGEST = 5 * 1024
# No character of UTF-8 takes more than four bytes.
_SURELY_SHORT = LONGEST // 4
DEEPEST = 10
_ELLIPSIS = "…"
_TOO_DEEP = "… (nested deeper than 10 levels)"
_MOST_CUTS = 20
# What GraphQL servers put beside `data`.
_BESIDE = frozenset({"extensions", "errors"})


@dataclass(slots=True)
class Shaped:
    """A shaped answer, and the places where something was cut, 20 at most."""

    value: Any
    cut: list[str] = field(default_factory=list)


def shape(answer: Any, *, noun: str = "items", parameters: Sequence[str] = ()) -> Shaped:
    """The answer as an assistant is given it. `answer` is not changed; what needs no cut is passed on as it is.

    `noun` names the items of a top-level list; `parameters` are the action's own, for advice on how to ask for less.
    Time is linear in what is kept.
    """
    path = _items(answer)
    items = _at(answer, path) if path is not None else None
    if path is None or items is None or len(items) <= WHOLE:
        shaped = Shaped(None)
        shaped.value = _cut(answer, shaped, ())
        return shaped
    shaped = Shaped({})
    if len(items) > MOST:
        shaped.value = _guidance(len(items), path[-1] if path else noun, parameters)
        shaped.value["samples"] = _cut(items[:SAMPLES], shaped, ("samples",))
    else:
        shaped.value = {
            "data": _cut(items[:WHOLE], shaped, ("data",)),
            "metadata": {
                "originalCount": len(items),
                "displayedCount": WHOLE,
                "truncated": True,
                "paginationHint": f"Showing first {WHOLE} of {len(items)} items. "
                f"Ask for {WHOLE} or fewer at a time to see them all: a cursor goes on after item {len(items)}.",
            },
        }
    if path:
        shaped.value["envelope"] = _cut(_without(answer, path), shaped, ("envelope",))
    return shaped


def _items(answer: Any) -> tuple[str, ...] | None:
    """The path to the answer's items, () for a list; None where there are none."""
    if isinstance(answer, list):
        return ()
    path: tuple[str, ...] = ()
    for _ in range(DEEPEST):
        if not isinstance(answer, dict):
            return None
        lists = [name for name, value in answer.items() if isinstance(value, list) and name not in _BESIDE]
        if lists:
            return (*path, max(lists, key=lambda name: len(answer[name])))
        inner = [name for name in answer if name not in _BESIDE]
        if len(inner) != 1:
            return None
        path, answer = (*path, inner[0]), answer[inner[0]]
    return None


def _at(answer: Any, path: tuple[str, ...]) -> list[Any]:
    for name in path:
        answer = answer[name]
    found: list[Any] = answer
    return found


def _without(answer: dict[str, Any], path: tuple[str, ...]) -> dict[str, Any]:
    if len(path) == 1:
        return {name: value for name, value in answer.items() if name != path[0]}
    return {**answer, path[0]: _without(answer[path[0]], path[1:])}


def _guidance(count: int, noun: str, parameters: Sequence[str]) -> dict[str, Any]:
    known = {name.lower().replace("_", "").replace("-", ""): name for name in parameters}
    fewer = [name for key, name in known.items() if key in _LIMITS]
    narrower = [name for key, name in known.items() if any(word in key for word in _FILTERS)]
    suggestions = []
    if fewer:
        suggestions.append(f"Set {fewer[0]} to {WHOLE} or fewer, and go on from page to page.")
    if narrower:
        suggestions.append(f"Narrow the request with {', '.join(narrower[:5])}.")
    suggestions.append("Ask for one of them by its id, where the connector has an action for that.")
    return {
        "needsRefinement": True,
        "message": f"Found {count} {noun}. This is too many to display effectively.",
        "guidance": f"Ask for {MOST} or fewer: up to {WHOLE} are shown whole. The first {SAMPLES} stand under samples.",
        "suggestions": suggestions,
        "searchInstructions": "Call the same action again with arguments that match fewer, or look for a search or "
        "filter action of this connector with discover_action_path_alloy.",
    }


_LIMITS = frozenset({"limit", "perpage", "pagesize", "maxresults", "first", "count", "top", "$top", "size", "numitems"})
_FILTERS = ("query", "search", "filter", "since", "after", "before", "state", "status", "type", "name", "from", "to")


def _cut(value: Any, shaped: Shaped, place: tuple[Any, ...]) -> Any:
    """The value with its lists, strings and levels in bounds."""
    # Most answers fit, and to see that costs a fifth of writing them anew.
    return value if _fits(value, DEEPEST - len(place)) else _rewritten(value, shaped, place)


def _fits(value: Any, room: int) -> bool:
    """Whether nothing of a value is to be cut; `room` is how many levels it may have."""
    if isinstance(value, str):
        return len(value) <= _SURELY_SHORT or _is_short(value)
    if isinstance(value, dict):
        children: Any = value.values()
    elif isinstance(value, list):
        if len(value) > WHOLE:
            return False
        children = value
    else:
        return True
    if room <= 0 and value:
        return False
    for child in children:
        kind = type(child)
        if kind is str:
            if len(child) > _SURELY_SHORT and not _is_short(child):
                return False
        elif (kind is dict or kind is list) and not _fits(child, room - 1):
            return False
    return True


def _rewritten(value: Any, shaped: Shaped, place: tuple[Any, ...]) -> Any:
    if isinstance(value, str):
        return _text(value, shaped, place)
    if not isinstance(value, (dict, list)):
        return value
    if len(place) >= DEEPEST:
        if not value:
            return value
        _note(shaped, place)
        return _TOO_DEEP
    if isinstance(value, dict):
        return {name: _rewritten(item, shaped, (*place, name)) for name, item in value.items()}
    if len(value) > WHOLE:
        _note(shaped, place)
        value = value[:WHOLE]
    return [_rewritten(item, shaped, (*place, index)) for index, item in enumerate(value)]


def _is_short(value: str) -> bool:
    return len(value) <= LONGEST and len(value.encode(errors="replace")) <= LONGEST


def _text(value: str, shaped: Shaped, place: tuple[Any, ...]) -> str:
    if len(value) <= _SURELY_SHORT or _is_short(value):
        return value
    _note(shaped, place)
    return value[:LONGEST].encode(errors="replace")[:LONGEST].decode(errors="ignore") + _ELLIPSIS


def _note(shaped: Shaped, place: tuple[Any, ...]) -> None:
    if len(shaped.cut) < _MOST_CUTS:
        shaped.cut.append("".join(f"/{str(token).replace('~', '~0').replace('/', '~1')}" for token in place))
