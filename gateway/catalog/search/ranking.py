"""What every action scores for a goal: its words, what it does, what its connector and the goal's clauses add."""

from collections import defaultdict
from collections.abc import Collection, Iterable, Iterator
from dataclasses import dataclass
from itertools import islice
from typing import Final

import numpy as np
import numpy.typing as npt

from gateway.catalog.model import Action, Connector
from gateway.catalog.search.fields import FIELDS, connector_fields, field_words, kinds, method_class, reads_one
from gateway.catalog.search.postings import Postings, Scores
from gateway.catalog.search.words import VERB_CLASSES, clauses, implied, several, spelled, words
from gateway.catalog.search.words import kinds as asked_kinds

Mask = npt.NDArray[np.bool_]

# What stays of an action that shares only a verb with a goal that says more,
VERB_ALONE: Final = 0.4
# that does another kind of thing than the goal asks for,
OTHER_KIND: Final = 0.8
# that reads one thing where the goal has a plural,
ONE_OF_SEVERAL: Final = 0.9
# that does nothing but delete where nobody asked for it,
UNASKED_DELETION: Final = 0.7
# that its platform advises against.
DEPRECATED: Final = 0.8
# What a connector's best action lends to its siblings.
SIBLING_WEIGHT: Final = 0.5
# What a connector gains that the goal names, and how much of a word's use must be its own for that word to be a name.
NAME_WEIGHT: Final = 0.3
NAME_SHARE: Final = 0.9
# What the best clause counts for beside the goal as a whole, and how far a clause counts less that nothing fits well.
CLAUSE_WEIGHT: Final = 1.0
CLAUSE_STRENGTH: Final = 0.15
# How many of a connector's best are lifted, and by how much, where one of several clauses names it: without that, the
# many good matches of one step crowd out the next.
LIFTED: Final = 2
LIFT: Final = 0.6
# What the fit of another connector's action counts for in a clause that names one. For the ranking this measured worse.
UNNAMED: Final = 0.5

_KINDS: Final = {"~create": 1, "~list": 2, "~update": 4, "~delete": 8}
_ALL_KINDS: Final = 15
_READS_ONE: Final = 16
_DEPRECATED: Final = 32
_ALL_TRAITS: Final = 64
_NAMING_PLACES: Final = sum(
    1 << number for number, field in enumerate(FIELDS) if field.place in ("connector", "name", "path", "summary")
)


@dataclass(frozen=True, slots=True)
class Ranked:
    """`scores` orders the actions; `fits` tells how well each fits each clause, 1 being the best of any clause."""

    scores: Scores
    fits: list[Scores]


class Ranking:
    """The actions of some connectors, each connector's together, in the order given."""

    def __init__(self, connectors: list[Connector]) -> None:
        sizes = [len(connector.actions) for connector in connectors]
        self._first = np.concatenate([[0], np.cumsum(sizes)]).astype(np.int64)
        self.connector = np.repeat(np.arange(len(connectors), dtype=np.int32), sizes)
        self._numbers = {connector.connector_id: number for number, connector in enumerate(connectors)}
        self.postings = Postings(
            (field_words(connector, action, known), method_class(action))
            for connector in connectors
            for known in [connector_fields(connector)]
            for action in connector.actions.values()
        )
        actions = (action for connector in connectors for action in connector.actions.values())
        self._traits = np.array([_traits(action) for action in actions], np.uint8)
        self._names = self._distinctive_names(connectors)

    def mask(self, connectors: Collection[str]) -> Mask:
        """The actions of the connectors of these ids; unknown ids are nobody's."""
        wanted = [number for one in set(connectors) if (number := self._numbers.get(one)) is not None]
        return np.isin(self.connector, wanted)

    def rank(self, goal: str, mask: Mask | None) -> Ranked:
        """The score of every action; 0 for what the goal is not about, and for what the mask leaves out."""
        whole = self._score(goal, mask)
        parts = clauses(goal)
        if len(parts) < 2:
            return Ranked(_of(whole, whole.max()), [_of(whole, whole.max())])
        scores = [self._score(part, mask) for part in parts]
        strongest = max(float(score.max()) for score in scores)
        fits = [_of(score, strongest) for score in scores]
        weighed = [_of(fit, float(fit.max()) ** (1 - CLAUSE_STRENGTH)) for fit in fits]
        total = _of(whole, whole.max()) + np.float32(CLAUSE_WEIGHT) * np.maximum.reduce(weighed)
        lifted: set[int] = set()
        for part, fit in zip(parts, fits, strict=True):
            named = self._named(spelled(part))
            if named:
                theirs = np.isin(self.connector, named)
                fit[~theirs] *= np.float32(UNNAMED)
                # Of equal fits, the better for the whole goal.
                ordered = np.where(theirs & (fit > 0), fit + np.float32(1e-3) * total, np.float32(0))
                lifted.update(islice(best_first(ordered, LIFTED), LIFTED))
        total[list(lifted)] += np.float32(LIFT)
        return Ranked(total, fits)

    def _score(self, text: str, mask: Mask | None) -> Scores:
        terms = spelled(text)
        scores = self.postings.score(dict.fromkeys((term for term in terms if term not in VERB_CLASSES), 1.0))
        verbs = dict.fromkeys((term for term in terms if term in VERB_CLASSES), 1.0)
        if verbs:
            alone = np.float32(VERB_ALONE if scores.any() else 1)
            scores += self.postings.score(verbs) * np.where(scores > 0, np.float32(1), alone)
        # What shares no word with the goal is not about it, whatever it does.
        found = scores > 0 if mask is None else mask & (scores > 0)
        scores += self.postings.score({term: weight for term, weight in implied(text).items() if term not in terms})
        # Left out before siblings are judged: what is filtered out must not lend weight to what stays.
        scores *= found * _factors(text)[self._traits]
        best = np.maximum.reduceat(scores, self._first[:-1])
        scores += np.float32(SIBLING_WEIGHT) * best[self.connector] * found
        named = self._named(terms)
        if named:
            scores += np.float32(NAME_WEIGHT) * scores.max() * np.isin(self.connector, named) * found
        return scores

    def _named(self, terms: Collection[str]) -> list[int]:
        """The connectors all of whose name is among the terms."""
        said = set(terms)
        return [number for term in said for name, number in self._names.get(term, ()) if name <= said]

    def _distinctive_names(self, connectors: list[Connector]) -> dict[str, list[tuple[frozenset[str], int]]]:
        """One word of each name -> the name and its connector, of the names that mean only one connector.

        A goal that speaks of "weather" does not name the connector Weather where others are about the weather too.
        """
        names: dict[str, list[tuple[frozenset[str], int]]] = defaultdict(list)
        for number, connector in enumerate(connectors):
            spellings = (connector.name, connector.name.lower(), connector.connector_id)
            for name in {frozenset(words(spelling)) for spelling in spellings}:
                if name and all(self._share(word, number) >= NAME_SHARE for word in name):
                    names[min(name)].append((name, number))
        return dict(names)

    def _share(self, word: str, connector: int) -> float:
        """The part of the actions named by this word that are the connector's."""
        rows = self.postings.rows(word)
        naming = self.postings.documents[rows][(self.postings.places[rows] & _NAMING_PLACES) != 0]
        return float(np.mean(self.connector[naming] == connector)) if len(naming) else 0.0


def best_first(scores: Scores, expected: int) -> Iterator[int]:
    """The rows above zero by falling score, equal ones by row; the first `expected` without sorting the others."""
    found = np.flatnonzero(scores > 0)
    groups = [found]
    if len(found) > expected:
        values = scores[found]
        bar = np.partition(values, len(found) - expected)[len(found) - expected]
        groups = [found[values >= bar], found[values < bar]]
    for rows in groups:
        yield from rows[np.argsort(-scores[rows], kind="stable")].tolist()


def _traits(action: Action) -> int:
    """What the action does, as bits."""
    return _bits(kinds(action)) | _READS_ONE * reads_one(action) | _DEPRECATED * action.deprecated


def _factors(text: str) -> Scores:
    """What stays of an action of each combination of traits, for this goal."""
    traits = np.arange(_ALL_TRAITS, dtype=np.uint8)
    factors = np.ones(_ALL_TRAITS, np.float32)
    asked = _bits(asked_kinds(text))
    if asked:
        factors[(traits & asked) == 0] *= OTHER_KIND
    if not asked & _KINDS["~delete"]:
        factors[traits & _ALL_KINDS == _KINDS["~delete"]] *= UNASKED_DELETION
    if several(text):
        factors[(traits & _READS_ONE) != 0] *= ONE_OF_SEVERAL
    factors[(traits & _DEPRECATED) != 0] *= DEPRECATED
    return factors


def _of(scores: Scores, measure: float) -> Scores:
    return scores / np.float32(max(measure, 1e-6))


def _bits(found: Iterable[str]) -> int:
    return sum(_KINDS[kind] for kind in found)
