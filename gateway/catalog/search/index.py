"""Which of all actions a goal in plain words is about, and where their arguments come from."""

from collections.abc import Callable, Collection, Iterable
from dataclasses import dataclass
from itertools import islice

from gateway.catalog.model import Action, Connector
from gateway.catalog.search.needs import Need, Producers
from gateway.catalog.search.ranking import Ranking, best_first
from gateway.catalog.search.why import reasons
from gateway.catalog.search.words import readable, spelled

Permitted = Callable[[Action], bool]


@dataclass(frozen=True, slots=True)
class Hit:
    """One action that a goal may be about.

    `score` orders the hits of one search and means nothing beyond it. `why` is a short sentence without a full stop.
    `clauses` tells how well the action fits each clause of the goal, for `plan`: 1 is the best fit of any action to
    any clause.
    """

    action: Action
    score: float
    why: str
    needs: tuple[Need, ...] = ()
    clauses: tuple[float, ...] = (1.0,)


class ActionIndex:
    """The actions of some connectors, searchable from any thread. When a connector changes, build another and swap."""

    def __init__(self, connectors: Iterable[Connector]) -> None:
        # By id, so that the same connectors rank the same in whatever order they come.
        kept = sorted((one for one in connectors if one.actions), key=lambda one: one.connector_id)
        self._actions = [action for connector in kept for action in connector.actions.values()]
        self._ranking = Ranking(kept)
        self._producers = [Producers(connector) for connector in kept]

    @classmethod
    def build(cls, connectors: Iterable[Connector]) -> "ActionIndex":
        """The index over all actions of `connectors`. Takes some 0.2 ms an action: for many, build it in a thread."""
        return cls(connectors)

    def __len__(self) -> int:
        return len(self._actions)

    def search(
        self,
        goal: str,
        *,
        limit: int = 10,
        permitted: Permitted | None = None,
        connectors: Collection[str] | None = None,
    ) -> list[Hit]:
        """The actions that the goal is about, best first, at most `limit`.

        `connectors` leaves only these ids before anything is ranked; None leaves all, an unknown id is nobody's.
        `permitted` is asked only about what would be shown, hits and producers alike; what it refuses appears nowhere.
        Of the goal the first `MAX_GOAL` characters count; without a word that carries meaning it finds nothing.
        """
        goal = readable(goal)
        terms = spelled(goal)
        if not terms or not self._actions or limit < 1:
            return []
        shown = _Shown(permitted)
        ranked = self._ranking.rank(goal, None if connectors is None else self._ranking.mask(connectors))
        candidates = best_first(ranked.scores, 4 * limit)
        rows = list(islice((row for row in candidates if shown(self._actions[row])), limit))
        return [
            Hit(
                action=self._actions[row],
                score=float(ranked.scores[row]),
                why=why,
                needs=self._producers[self._ranking.connector[row]].needs(self._actions[row], shown),
                clauses=tuple(float(fit[row]) for fit in ranked.fits),
            )
            for row, why in zip(rows, reasons(self._ranking.postings, terms, rows), strict=True)
        ]


class _Shown:
    """Whether the caller may see an action, asked once for each in a search."""

    def __init__(self, permitted: Permitted | None) -> None:
        self._permitted = permitted
        self._answers: dict[tuple[str, str], bool] = {}

    def __call__(self, action: Action) -> bool:
        if self._permitted is None:
            return True
        key = (action.connector_id, action.action_id)
        if key not in self._answers:
            self._answers[key] = bool(self._permitted(action))
        return self._answers[key]
