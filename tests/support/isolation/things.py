"""What is stored, each with its id and its mark, and the accounts that it belongs to."""

import re
import secrets
from dataclasses import dataclass, field
from typing import Any

from support.service import API_KEY

ACCOUNTS = ("O", "A", "B")
ROLES = ("admin", "mate", "gone")
SHIPPED = "slack"
NOBODYS = "-"
OPERATOR = {"Authorization": f"Bearer {API_KEY}"}
JWT_OWN_SECRET = "a secret of account B, longer than 32 bytes"


@dataclass(frozen=True)
class Thing:
    """Something that is stored and has an id. Who may use a server beside its owner: `public`, `allowed`."""

    kind: str
    account: str
    user: str | None
    id: str
    # The thing that it is part of: a credential's connector, an approval's server.
    of: str = ""
    public: bool = False
    allowed: frozenset[str] = frozenset()
    token: str = ""
    label: str = ""
    mark: str = ""

    @property
    def paused(self) -> bool:
        """Whether it is a server that answers nobody for now."""
        return self.label == "paused"

    @property
    def expired(self) -> bool:
        """Whether it is a server whose token URL was for a time that is over."""
        return self.label == "expired"

    def absent(self) -> "Thing":
        """A thing of the same kind that there is not, with an id of the same length and letters."""
        size = min(8, len(self.id))
        return Thing(self.kind, NOBODYS, None, self.id[:-size] + secrets.token_hex(4)[:size], self.of, label="absent")


@dataclass(frozen=True)
class Mark:
    """A text that stands in one thing and nowhere else. `secret`: nobody is ever shown it again."""

    text: str
    thing: Thing
    secret: bool = False


@dataclass
class Account:
    name: str
    account_id: str
    ids: dict[str, str]
    keys: dict[str, str]
    key_ids: dict[str, str]
    issuers: dict[str, Any] = field(default_factory=dict)

    def known(self, user_id: str) -> bool:
        return user_id in self.ids.values()

    @property
    def operator(self) -> dict[str, str]:
        return {"Authorization": f"Bearer {self.keys['both']}"}

    def acting(self, user_id: str) -> dict[str, str]:
        return {**self.operator, "x-alloy-userid": user_id}


def publishing(connector_id: str, mark: str) -> dict[str, Any]:
    """What a connector publishes for all of its account, by addresses that hold its id; the mark stands in each."""
    said = {"role": "user", "content": {"type": "text", "text": f"{mark} of {{{{team}}}}"}}
    team = {"name": "team", "complete": [f"{mark}-team"]}
    uri = f"example://{connector_id}"
    return {
        "prompts": [{"name": "report", "arguments": [team], "messages": [said]}],
        "resources": [{"uri": f"{uri}/handbook", "name": mark, "text": mark}],
        "resourceTemplates": [
            {"uriTemplate": f"{uri}/teams/{{team}}", "name": mark, "text": f"{mark} of {{{{team}}}}"}
        ],
    }


def any_of(texts: list[str]) -> str:
    """A pattern of all the texts, as a tree of their letters: one after another at each letter takes far longer."""
    if len(texts) == 1:
        return re.escape(texts[0])
    assert "" not in texts, "a mark begins with another"
    branches: dict[str, list[str]] = {}
    for text in texts:
        branches.setdefault(text[0], []).append(text[1:])
    return f"(?:{'|'.join(re.escape(letter) + any_of(rest) for letter, rest in branches.items())})"
