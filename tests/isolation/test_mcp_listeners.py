"""Isolation of those who listen (`subscriptions/listen`): who may, and that nobody hears of what is another's.

Every kind of identity listens in each account while everything is changed in all of them. A change has its witnesses,
who hear of it; whoever hears more than what is theirs has one notification too many before that, or before the end.
"""

from collections.abc import Iterator
from contextlib import ExitStack
from dataclasses import dataclass
from itertools import chain
from typing import Any

import pytest

from support.isolation.callers import callers, nobody
from support.isolation.entrances import STRANGER, by_token, comers, plain, stranger
from support.isolation.gate import Gate, Way, told
from support.isolation.messages import MODERN, Message, post
from support.isolation.things import ACCOUNTS, SHIPPED, Thing
from support.isolation.trying import Tried
from support.isolation.wire import Answer
from support.isolation.world import World
from support.listening import Wire, meta

ASKED = {"notifications": {"toolsListChanged": True}}
CHANGED = "notifications/tools/list_changed"


def ask_to_listen(world: World, path: str, headers: dict[str, str]) -> Answer:
    return post(world, path, headers, Message("subscriptions/listen", ASKED), MODERN)


LISTENING: dict[str, Way] = {"subscriptions/listen": ask_to_listen}


@pytest.mark.parametrize("account", ACCOUNTS)
def test_who_may_listen(world: World, account: str) -> None:
    tried = Tried()
    everybody = [*callers(world, account), stranger(world, account)]
    for entrance in chain(plain(world, everybody), plain(world, nobody()), by_token(world, account)):
        Gate(world, entrance, tried).enter(LISTENING)
    told(tried, f"listening {account}")


def test_there_is_no_stream_to_get(world: World) -> None:
    everybody = [who for account in ACCOUNTS for who in callers(world, account)]
    entrances = chain(plain(world, everybody), *(by_token(world, account) for account in ACCOUNTS))
    streamed = {"Accept": "text/event-stream"}
    ((status, _),) = {world.wire.ask("GET", each.path, {**each.headers, **streamed}).without([]) for each in entrances}
    assert status == 405


@dataclass
class Listener:
    """Somebody who listens at `server`. `deaf`: to connectors, which the server's restrictions leave out."""

    label: str
    server: Thing
    wire: Wire
    deaf: bool = False

    def hears(self, account: str, server: Thing | None) -> bool:
        """Whether a change of that server, or of a connector of that account, is for them to hear."""
        return self.server == server if server else (self.server.account == account and not self.deaf)


class Listeners:
    """Everybody who listens, and what is changed meanwhile."""

    def __init__(self, world: World, open_wires: ExitStack) -> None:
        self.world, self._open = world, open_wires
        self.everybody: list[Listener] = []
        self.servers = {name: world.fresh("server", name, "mate") for name in ACCOUNTS}
        self.narrow = {name: world.fresh("server", name, "mate") for name in ACCOUNTS}
        only = {"restrictions": {"connectors": {"mode": "allowlist", "allowedIds": [SHIPPED]}}}
        for name in ACCOUNTS:
            self.change(self.servers[name], {"isPublic": True})
            self.change(self.narrow[name], only)
            for who in callers(world, name):
                if who.refused is None and "use" in who.scopes:
                    self._listen(str(who), self.servers[name], "", who.headers)
            for label, headers, user, refused in comers(world, self.servers[name]):
                if refused is None and user not in (STRANGER, world.accounts[name].ids["gone"]):
                    self._listen(f"{name} {label}", self.servers[name], self.servers[name].token, headers)
            self._listen(f"{name} bare, narrow", self.narrow[name], self.narrow[name].token, {}, deaf=True)
        for listener in self.everybody:
            assert listener.wire.event()["method"] == "notifications/subscriptions/acknowledged", listener.label

    def _listen(self, label: str, server: Thing, token: str, headers: dict[str, str], *, deaf: bool = False) -> None:
        message = {"jsonrpc": "2.0", "id": 1, "method": "subscriptions/listen", "params": {**ASKED, "_meta": meta()}}
        path = f"/mcp/{server.id}/{token}".rstrip("/")
        wire = self._open.enter_context(Wire(self.world.service, path, message, headers=headers, timeout=20))
        self.everybody.append(Listener(label, server, wire, deaf))

    def do(self, account: str, method: str, path: str, body: Any = None, role: str = "mate") -> Any:
        here = self.world.accounts[account]
        return self.world.wire.made(method, path, here.acting(here.ids[role]), body)

    def change(self, server: Thing, body: Any) -> None:
        self.do(server.account, "PUT", f"/api/servers/{server.id}", body)

    def hear(self, account: str, server: Thing | None = None) -> None:
        """Whoever is to hear of the change that was made last hears of it, and has heard of nothing else before."""
        witnesses = [listener for listener in self.everybody if listener.hears(account, server)]
        assert witnesses
        for listener in witnesses:
            assert listener.wire.event()["method"] == CHANGED, listener.label

    def last_words(self) -> Iterator[tuple[str, Any]]:
        """What each of them hears when all servers are paused."""
        for server in chain(self.servers.values(), self.narrow.values()):
            self.do(server.account, "POST", f"/api/servers/{server.id}/pause")
        for listener in self.everybody:
            yield listener.label, listener.wire.event()


def beside(listeners: Listeners, account: str) -> None:
    """Everything that can be changed in an account without a list of anybody's becoming another."""
    world, here = listeners.world, listeners.world.accounts[account]
    for role in ("mate", "admin"):
        server = world.fresh("server", account, role)
        for change in ("pause", "resume", "token"):
            listeners.do(account, "POST", f"/api/servers/{server.id}/{change}", role=role)
        listeners.do(account, "PUT", f"/api/servers/{server.id}", {"mode": "direct", "isPublic": True}, role)
        listeners.do(account, "DELETE", f"/api/servers/{server.id}", role=role)
        world.fresh("credential", account, role)
        world.fresh("approval", account, role)
    for kind, where in (("key", "/keys"), ("user", "/users"), ("config", "/auth-configs")):
        thing = world.fresh(kind, account, "admin")
        assert world.wire.ask("DELETE", f"{where}/{thing.id}", here.operator).status in (200, 204)
    world.fresh("issuer", account, "admin")
    world.fresh("account", account, "admin")


def test_nobody_hears_of_what_is_anothers(world: World) -> None:
    with ExitStack() as open_wires:
        listeners = Listeners(world, open_wires)
        connector = f"heard-{world.twin}"
        document = {"document": world.upstream.document()}
        for number, account in enumerate(ACCOUNTS):
            # Of an account whose listeners are no witnesses of what comes next: they would hear one thing for two.
            beside(listeners, ACCOUNTS[number - 1])
            for server in (listeners.servers[account], listeners.narrow[account]):
                listeners.change(server, {"description": "another"})
                listeners.hear(account, server)
        # The same id in each account.
        for account in ACCOUNTS:
            listeners.do(account, "POST", "/connectors", {"id": connector, **document}, "admin")
            listeners.hear(account)
        for account in ACCOUNTS:
            listeners.do(account, "PUT", f"/connectors/{connector}", {**document, "name": "another"}, "admin")
            listeners.hear(account)
        for account in ACCOUNTS:
            listeners.do(account, "DELETE", f"/connectors/{connector}", role="admin")
            listeners.hear(account)
        for label, event in listeners.last_words():
            assert event.get("error", {}).get("message") == "Server is paused", f"{label}: {event}"
        print(f"\n{len(listeners.everybody)} listeners")
