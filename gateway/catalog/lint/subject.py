"""What the rules look at: a connector, and its operations where they stand in the document."""

from collections.abc import Iterator, Mapping
from typing import Any, NamedTuple

from gateway.catalog.documents.pointers import followed, join
from gateway.catalog.model import Action, Connector

_METHODS = ("get", "put", "post", "delete", "options", "head", "patch", "trace", "query")
# Rule, place, message, remedy.
Said = tuple[str, str, str, str]


class Operation(NamedTuple):
    """An operation of the document, and the action that it became."""

    path: str
    place: str
    item: Mapping[str, Any]
    node: Mapping[str, Any]
    action: Action


class Subject(NamedTuple):
    """`overridden`: the operator says how to authenticate."""

    connector: Connector
    overridden: bool
    operations: tuple[Operation, ...]

    @classmethod
    def of(cls, connector: Connector, *, overridden: bool) -> "Subject":
        return cls(connector, overridden, tuple(_operations(connector)))

    @property
    def document(self) -> Mapping[str, Any]:
        return self.connector.document


def _operations(connector: Connector) -> Iterator[Operation]:
    actions = {(action.method, action.path): action for action in connector.actions.values()}
    for path, item in connector.document["paths"].items():
        item, place = followed(connector.document, item), join("#/paths", path)
        for method in _METHODS:
            action = actions.get((method.upper(), path))
            if action is not None and isinstance(item, Mapping):
                yield Operation(path, join(place, method), item, item[method], action)


def listed(value: Any) -> list[Any]:
    return value if isinstance(value, list) else []
