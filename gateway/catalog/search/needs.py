"""Where the ids come from that an action needs: `contactId` from the action that lists or searches contacts."""

import re
from collections import defaultdict
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from itertools import islice
from typing import Any, Final

from gateway.catalog.model import Action, Connector
from gateway.catalog.search.fields import body_schema
from gateway.catalog.search.shapes import Shape, creates, listed, made, noun_phrase, searches, shape
from gateway.catalog.search.words import all_words, stem

# How many producers of one parameter are named, and how far the needs of producers are followed.
MAX_PRODUCERS: Final = 2
MAX_DEPTH: Final = 3

# How likely an action is meant to yield an entity, by the way it does. Each placeholder that it has to be given
# itself, and being a POST, makes it less likely.
NAMED_SEARCH: Final = 3.5
COLLECTION: Final = 3.0
GENERAL_SEARCH: Final = 2.5
NAMED_LIST: Final = 2.0
TITLED_LIST: Final = 1.5
WHOLE_NAME: Final = 0.2
PLACEHOLDER_COST: Final = 0.4
POST_COST: Final = 0.4

# Last words of a parameter that say which property of an entity it is, not which entity.
_PROPERTY_WORDS: Final = "id uuid guid key slug gid sid number identifier hash name uri"
_PROPERTIES: Final = frozenset(map(stem, _PROPERTY_WORDS.split()))
# Those of them that make any parameter an id; others need a description that opens by saying so.
_IDENTITIES: Final = frozenset(map(stem, ("id", "uuid", "guid", "gid", "sid", "identifier")))
_OPENS_AS_ID: Final = re.compile(r"(?:the |an? )?(?:[\w-]+ ){0,2}(?:id|gid|uuid|identifier)s?\b", re.IGNORECASE)

Shown = Callable[[Action], bool]


@dataclass(frozen=True, slots=True)
class Need:
    """A parameter that holds the id of something, and the actions of the same connector whose answers have it.

    `producers` are action ids, the likeliest first. For a plan: `creators` make such a thing, so that an earlier step
    may have its id; `before` is what the first producer needs in turn.
    """

    parameter: str
    producers: tuple[str, ...]
    creators: tuple[str, ...] = ()
    before: tuple["Need", ...] = ()


@dataclass(frozen=True, slots=True)
class _Wanted:
    parameter: str
    # The words that may name what it identifies, and the whole name of it.
    entity: frozenset[str]
    name: frozenset[str]
    # For a placeholder, the segments before it: where such things are listed.
    collection: tuple[str, ...] | None = None


@dataclass(frozen=True, slots=True)
class _Sources:
    parameter: str
    producers: tuple[Action, ...]
    creators: tuple[Action, ...]


class Producers:
    """What the actions of one connector yield to each other."""

    def __init__(self, connector: Connector) -> None:
        self._connector = connector
        self._by_path: dict[tuple[str, ...], list[Action]] = defaultdict(list)
        self._by_entity: dict[str, list[Action]] = defaultdict(list)
        self._general: list[Action] = []
        self._sources: dict[str, list[_Sources]] = {}
        for action in connector.actions.values():
            if action.read_only or action.method == "POST":
                self._add(action, shape(action))

    def needs(self, action: Action, shown: Shown) -> tuple[Need, ...]:
        """What `action` needs, as far as actions that `shown` lets through yield it."""
        return self._needs(action, shown, frozenset({action.action_id}))

    def _needs(self, action: Action, shown: Shown, seen: frozenset[str]) -> tuple[Need, ...]:
        def first(actions: tuple[Action, ...]) -> tuple[str, ...]:
            usable = (one.action_id for one in actions if one.action_id not in seen and shown(one))
            return tuple(islice(usable, MAX_PRODUCERS))

        found = []
        for sources in self._sources_of(action):
            producers = first(sources.producers)
            if producers:
                before: tuple[Need, ...] = ()
                if len(seen) < MAX_DEPTH:
                    before = self._needs(self._connector.actions[producers[0]], shown, seen | {producers[0]})
                found.append(Need(sources.parameter, producers, first(sources.creators), before))
        return tuple(found)

    def _add(self, action: Action, form: Shape) -> None:
        if form.head is None or form.ends_in_placeholder:
            return
        self._by_path[form.segments].append(action)
        for word in {form.head, *listed(action), *made(action)}:
            self._by_entity[word].append(action)
        if form.finds_anything:
            self._general.append(action)

    def _sources_of(self, action: Action) -> list[_Sources]:
        """All that yields what the action needs, the likeliest first; worked out once, before anybody's permissions."""
        known = self._sources.get(action.action_id)
        if known is None:
            known = [self._rank(wanted) for wanted in _wanted(self._connector, action)]
            self._sources[action.action_id] = known
        return known

    def _rank(self, wanted: _Wanted) -> _Sources:
        buckets = [self._general, *(self._by_entity.get(word, []) for word in sorted(wanted.entity))]
        if wanted.collection is not None:
            buckets.append(self._by_path.get(wanted.collection, []))
        candidates = {one.action_id: one for bucket in buckets for one in bucket}
        producers, creators = [], []
        for candidate in candidates.values():
            # Who is asked for an id cannot yield it; the action itself is such a one.
            if any(wanted.parameter == other.parameter for other in _wanted(self._connector, candidate)):
                continue
            score = _score(candidate, wanted)
            if score > 0:
                producers.append((-score, len(candidate.path), candidate.action_id, candidate))
            elif creates(candidate):
                creators.append(candidate)
        producers.sort(key=lambda entry: entry[:3])
        return _Sources(wanted.parameter, tuple(entry[3] for entry in producers), tuple(creators))


def _score(candidate: Action, wanted: _Wanted) -> float:
    """How likely the candidate is meant to yield what is wanted; 0 or less: it is not."""
    form = shape(candidate)
    reads = candidate.read_only or (form.lists and not creates(candidate))
    if form.head in wanted.entity and searches(candidate):
        score = NAMED_SEARCH
    elif candidate.read_only and form.segments == wanted.collection:
        score = COLLECTION
    elif form.finds_anything and not creates(candidate):
        score = GENERAL_SEARCH
    elif reads and form.head in wanted.entity:
        score = NAMED_LIST
    elif reads and not wanted.entity.isdisjoint(listed(candidate)):
        score = TITLED_LIST
    else:
        return 0.0
    if wanted.name and wanted.name.issubset(form.nouns):
        score += WHOLE_NAME
    return score - PLACEHOLDER_COST * len(form.placeholders) - (0.0 if candidate.read_only else POST_COST)


def _wanted(connector: Connector, action: Action) -> Iterator[_Wanted]:
    """The parameters that take the id of something: placeholders, and what is required beside them."""
    form = shape(action)
    schemas = {parameter.name: parameter.schema for parameter in action.parameters}
    for position, name in form.placeholders:
        before = form.segments[position - 1] if position and "{" not in form.segments[position - 1] else ""
        parent = noun_phrase(all_words(before)) or all_words(before)
        # `{id}` after another placeholder is the id of anything: only a search of everything yields that.
        own = _entity(name) or parent
        if not _has_values(schemas.get(name, {})):
            yield _Wanted(name, frozenset(own[-1:] + parent[-1:]), frozenset(own), form.segments[:position])
    for name, description, schema in _required(connector, action):
        says_id = all_words(name)[-1:] and all_words(name)[-1] in _IDENTITIES
        if (says_id or _OPENS_AS_ID.match(description)) and not _has_values(schema):
            # A bare `id` is that of what the action itself is about.
            own = _entity(name) or list(form.nouns)
            if own:
                yield _Wanted(name, frozenset(own[-1:]), frozenset(own))


def _required(connector: Connector, action: Action) -> Iterator[tuple[str, str, Mapping[str, Any]]]:
    """What the query and the body must have: name, description, schema."""
    for parameter in action.parameters:
        if parameter.location == "query" and parameter.required:
            yield parameter.name, parameter.description, parameter.schema
    schema = body_schema(connector, action)
    properties, required = schema.get("properties"), schema.get("required")
    if isinstance(properties, Mapping) and isinstance(required, list):
        for name in required:
            described = properties.get(name) if isinstance(name, str) else None
            if isinstance(described, Mapping):
                description = described.get("description")
                yield name, description if isinstance(description, str) else "", described


def _entity(name: str) -> list[str]:
    return [word for word in all_words(name) if word not in _PROPERTIES]


def _has_values(schema: Mapping[str, Any]) -> bool:
    """Whether the schema itself says what to send."""
    return any(key in schema for key in ("default", "enum", "const"))
