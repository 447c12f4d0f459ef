"""Which texts of an action are searched, what each is worth, and how a reader of `why` would call it."""

import re
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Final

from gateway.catalog.documents.pointers import lookup
from gateway.catalog.model import Action, Connector
from gateway.catalog.search.words import METHOD_CLASSES, VERB_CLASSES, all_words, words

# A description of many pages says less per word; and it must not cost more than all the others together.
MAX_FIELD: Final = 1_200
_PLACEHOLDER: Final = re.compile(r"\{[^}]*\}")


@dataclass(frozen=True, slots=True)
class Field:
    """A field of the index. `verbs` is what the class of a verb found in it counts for, 0 for nothing."""

    place: str
    weight: float
    verbs: float = 0.0


# The weights were tuned on one half of StableToolBench's queries and checked on the other (benchmarks/search.py).
FIELDS: Final = (
    Field("connector", 3.0),
    Field("category", 1.0),
    Field("name", 2.0, verbs=1.0),
    Field("path", 4.0, verbs=1.0),
    Field("summary", 3.0, verbs=1.0),
    Field("description", 1.0, verbs=0.3),
    Field("resource", 0.3),
    Field("parameters", 1.0),
    Field("parameter descriptions", 0.3),
    Field("body fields", 0.3),
)
# What the HTTP method adds to the class of the verbs.
METHOD_WEIGHT: Final = 1.0


def connector_words(connector: Connector) -> list[str]:
    """The words of a connector's name, and once each what else it is called: its id, `HubSpot` as one word."""
    named = words(connector.name[:MAX_FIELD])
    others = words(f"{connector.name.lower()} {connector.connector_id}"[:MAX_FIELD])
    return named + [word for word in dict.fromkeys(others) if word not in named]


def field_words(connector: Connector, action: Action, known: Sequence[list[str]]) -> list[list[str]]:
    """The words of each of `FIELDS`. `known`: those of the connector, `connector_fields`, which its actions share."""
    # All actions of a GraphQL platform share one path.
    path = "" if action.graphql is not None else _PLACEHOLDER.sub(" ", action.path)
    own = (
        action.alias or action.action_id,
        path,
        action.title,
        action.description,
        action.resource,
        _joined(parameter.name for parameter in action.parameters),
        _joined(parameter.description for parameter in action.parameters),
        _joined(map(str, body_properties(connector, action))),
    )
    return [*known, *(words(text[:MAX_FIELD]) for text in own)]


def connector_fields(connector: Connector) -> list[list[str]]:
    """The words of the first of `FIELDS`: those that tell about the connector."""
    return [connector_words(connector), words(" ".join(connector.category)[:MAX_FIELD])]


def method_class(action: Action) -> str | None:
    """The class of verb that the method stands for; every GraphQL request is a POST, so there it is the query's."""
    if action.graphql is not None:
        return "~list" if action.read_only else None
    return METHOD_CLASSES.get(action.method)


def kinds(action: Action) -> set[str]:
    """The classes of what it does: by the verbs of its name and title, else by its method."""
    said = all_words(f"{action.alias or action.action_id} {action.title}"[:MAX_FIELD])
    found = {VERB_CLASSES[word] for word in said if word in VERB_CLASSES}
    method = method_class(action)
    if method and (not found or method == "~delete"):
        found.add(method)
    return found


def reads_one(action: Action) -> bool:
    """Whether it reads the one thing that its last placeholder names."""
    return action.read_only and action.path.rstrip("/").rpartition("/")[2].startswith("{")


def body_properties(connector: Connector, action: Action) -> Mapping[str, Any]:
    """The top-level properties of the action's body: name -> raw schema. Empty where there is none to see."""
    properties = body_schema(connector, action).get("properties")
    return properties if isinstance(properties, Mapping) else {}


def body_schema(connector: Connector, action: Action) -> Mapping[str, Any]:
    """The body's raw schema, a local `$ref` followed once; `{}` where it has none or leads nowhere."""
    if action.body is None:
        return {}
    schema: Any = action.body.schema
    if isinstance(schema, Mapping) and isinstance(schema.get("$ref"), str):
        try:
            schema = lookup(connector.document, schema["$ref"])
        except LookupError:
            return {}
    return schema if isinstance(schema, Mapping) else {}


def _joined(parts: Iterable[str]) -> str:
    kept, size = [], 0
    for part in parts:
        kept.append(part)
        size += len(part) + 1
        if size > MAX_FIELD:
            break
    return " ".join(kept)[:MAX_FIELD]
