"""The order of steps that a goal suggests: for each of its clauses the best action, and before it what yields ids."""

from collections.abc import Sequence
from typing import Final, TypedDict

from gateway.catalog.search.index import Hit
from gateway.catalog.search.needs import Need

# A clause that nothing fits at least this well, measured by the clause that something fits best, is no step of its
# own: "for my boss", "by tomorrow".
MIN_FIT: Final = 0.2
# "... and change her phone number": a clause that names no platform mostly goes on with that of the one before.
SAME_CONNECTOR: Final = 1.5
MAX_STEPS: Final = 20


class Step(TypedDict):
    """One step of a plan, as JSON.

        {"step": 1, "connectorId": "crm", "actionId": "searchContacts", "takes": {}, "gives": {"contactId": [2]}},
        {"step": 2, "connectorId": "crm", "actionId": "updateContact", "takes": {"contactId": 1}, "gives": {}}

    Steps count from 1. `takes`: argument of this step -> the step whose answer holds its value. `gives`: argument ->
    the later steps that take it from this one's answer. Arguments that come from nowhere are the caller's to find.
    """

    step: int
    connectorId: str
    actionId: str
    takes: dict[str, int]
    gives: dict[str, list[int]]


def plan(hits: Sequence[Hit]) -> list[Step]:
    """The suggested order of steps, at most `MAX_STEPS`; empty without hits.

    `hits` are those of one search. The clauses keep the goal's order. An id is taken from an earlier step where one
    yields it or makes such a thing, else a step is put in that yields it, with what that one needs before it.
    """
    path = _Path()
    for hit in _chosen(hits):
        path.add(hit.action.connector_id, hit.action.action_id, hit.needs)
    return path.steps


def _chosen(hits: Sequence[Hit]) -> list[Hit]:
    """The best hit of each clause, in the order of the clauses; one may be the best of two."""
    chosen: list[Hit] = []
    for clause in range(len(hits[0].clauses) if hits else 0):
        before = chosen[-1].action.connector_id if chosen else None
        # Of equal ones the first, which ranks higher.
        best = max(hits, key=lambda hit: _fit(hit, clause, before))
        if best.clauses[clause] >= MIN_FIT:
            chosen.append(best)
    return chosen or list(hits[:1])


def _fit(hit: Hit, clause: int, before: str | None) -> float:
    return hit.clauses[clause] * (SAME_CONNECTOR if hit.action.connector_id == before else 1.0)


class _Path:
    def __init__(self) -> None:
        self.steps: list[Step] = []
        self._numbers: dict[tuple[str, str], int] = {}

    def add(self, connector: str, action: str, needs: Sequence[Need]) -> int | None:
        """The number of the action's step, which is added where it is not there yet; None where the plan is full."""
        known = self._numbers.get((connector, action))
        if known is not None:
            return known
        takes = {}
        for need in needs:
            source = self._earlier(connector, need) or self.add(connector, need.producers[0], need.before)
            if source is not None:
                takes[need.parameter] = source
        if len(self.steps) >= MAX_STEPS:
            return None
        number = len(self.steps) + 1
        self._numbers[connector, action] = number
        self.steps.append(Step(step=number, connectorId=connector, actionId=action, takes=takes, gives={}))
        for parameter, source in takes.items():
            self.steps[source - 1]["gives"].setdefault(parameter, []).append(number)
        return number

    def _earlier(self, connector: str, need: Need) -> int | None:
        """The last step so far that yields what is needed."""
        sources = (*need.producers, *need.creators)
        return max((self._numbers.get((connector, source), 0) for source in sources), default=0) or None
