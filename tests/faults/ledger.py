"""What one client knows of its own things: what it was told, and what it asked last without hearing the end of it."""

from collections import Counter
from collections.abc import Iterable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import Any

# Some value that the client cannot know before it is told, such as a new token.
ANY: Any = "<any>"
Key = tuple[str, str]


class Stop(Exception):
    """The service has gone: the client ends, and what it asked last stays in doubt."""


@dataclass
class Ledger:
    """`facts` hold what must be stored: a thing's kind and name, and its value. What is not there was removed, or never
    made. A client asks one thing at a time, so that one thing at most is in doubt.
    """

    facts: dict[Key, Any] = field(default_factory=dict)
    # What the things in doubt would have become; None: removed.
    doubt: dict[Key, Any] = field(default_factory=dict)
    # By event: how many audit rows must be there, and how many may be.
    told: Counter[str] = field(default_factory=Counter)
    asked: Counter[str] = field(default_factory=Counter)
    # Marks of executions that were answered, and of those that were not.
    executed: list[str] = field(default_factory=list)
    unsure: list[str] = field(default_factory=list)

    @contextmanager
    def asking(self, event: str, becomes: Mapping[Key, Any]) -> Iterator[dict[Key, Any]]:
        """One request: what its answer makes a fact. Values that only the answer says are put in by the block."""
        self.asked[event] += 1
        outcome = dict(becomes)
        self.doubt = outcome
        yield outcome
        self.doubt = {}
        self.told[event] += 1
        for key, value in outcome.items():
            if value is None:
                self.facts.pop(key, None)
            else:
                self.facts[key] = value

    def settle(self, stored: Mapping[Key, Any]) -> None:
        """After a restart: what is stored stands."""
        for key in self.doubt:
            self.facts.pop(key, None)
            if key in stored:
                self.facts[key] = stored[key]
        self.doubt = {}

    def differences(self, stored: Mapping[Key, Any]) -> Iterable[str]:
        """What is lost, there without having been asked for, or neither the old nor the new."""
        for key in sorted(self.facts.keys() | stored.keys()):
            found, known = stored.get(key), self.facts.get(key)
            if found == known:
                continue
            after = self.doubt.get(key, known)
            if found == after or (after is ANY and found is not None):
                continue
            yield f"{key}: {found!r} is stored, {known!r} was answered, in doubt: {self.doubt.get(key)!r}"

    def unrecorded(self, rows: Counter[str]) -> Iterable[str]:
        """Events with fewer audit rows than answers, or more than requests."""
        for event in sorted(self.asked | rows):
            if not self.told[event] <= rows[event] <= self.asked[event]:
                yield f"{event}: {rows[event]} rows for {self.told[event]} answers to {self.asked[event]} requests"
