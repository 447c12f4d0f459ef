"""What a newer document changes about a connector's actions."""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any

from gateway.catalog.documents.pointers import target
from gateway.catalog.model import Action, Connector


@dataclass(frozen=True, slots=True, kw_only=True)
class Changes:
    """Ids of actions, each in the order of its document. `changed`: another call, or described in other words."""

    added: tuple[str, ...] = ()
    removed: tuple[str, ...] = ()
    changed: tuple[str, ...] = ()


def changes(before: Connector, after: Connector) -> Changes:
    """What differs between two versions of a connector: also what their actions refer to, however deep."""
    altered = _Altered(before.document, after.document)
    return Changes(
        added=tuple(action_id for action_id in after.actions if action_id not in before.actions),
        removed=tuple(action_id for action_id in before.actions if action_id not in after.actions),
        changed=tuple(
            action_id
            for action_id, action in before.actions.items()
            if (now := after.actions.get(action_id)) is not None and (now != action or altered.reached_by(action))
        ),
    )


def gone(before: Connector, after: Connector) -> frozenset[str]:
    """The names under which actions could be called before, and can no more: ids and the document's own spellings."""
    names = {*before.actions, *before.aliases}
    return frozenset(name for name in names if after.find(name) is None)


class _Altered:
    """Whether what a schema refers to differs, each reference being looked at once."""

    def __init__(self, before: Mapping[str, Any], after: Mapping[str, Any]) -> None:
        self._before = before
        self._after = after
        self._same: dict[str, bool] = {}
        self._inner: dict[str, frozenset[str]] = {}

    def reached_by(self, action: Action) -> bool:
        schemas = [parameter.schema for parameter in action.parameters]
        if action.body is not None:
            schemas.append(action.body.schema)
        waiting = [reference for schema in schemas for reference in _references(schema)]
        seen = set(waiting)
        while waiting:
            reference = waiting.pop()
            if not self._is_same(reference):
                return True
            new = self._inner[reference] - seen
            seen |= new
            waiting.extend(new)
        return False

    def _is_same(self, reference: str) -> bool:
        if reference not in self._same:
            node = target(self._before, reference)
            self._same[reference] = node == target(self._after, reference)
            self._inner[reference] = frozenset(_references(node))
        return self._same[reference]


def _references(node: Any) -> Iterator[str]:
    waiting = [node]
    while waiting:
        node = waiting.pop()
        if isinstance(node, Mapping):
            reference = node.get("$ref")
            if isinstance(reference, str):
                yield reference
            waiting.extend(node.values())
        elif isinstance(node, list):
            waiting.extend(node)
