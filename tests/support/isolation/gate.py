"""One caller before one server over MCP: let in or not, shown nothing of others, told nothing by what is not there."""

from collections.abc import Callable, Iterator, Mapping
from functools import partial
from typing import Any

from support.isolation.callers import OTHER
from support.isolation.entrances import Entrance
from support.isolation.messages import BATCHED, ERAS, MESSAGES, Message, batch, may_read, post, went_well
from support.isolation.things import Thing
from support.isolation.trying import Tried
from support.isolation.wire import Answer
from support.isolation.world import World

LIST = Message("tools/list", {})
# Asks for something that everybody who is let in is answered: (world, path, headers) -> answer.
Way = Callable[[World, str, dict[str, str]], Answer]
SINGLE: Mapping[str, Way] = {era: partial(post, message=LIST, era=era) for era in ERAS}
TOGETHER: Mapping[str, Way] = {f"batch {BATCHED}": partial(batch, members=[(LIST, "", "")] * 2)}


class Gate:
    """One caller before one server."""

    def __init__(self, world: World, entrance: Entrance, tried: Tried) -> None:
        self.world, self.tried = world, tried
        self.who, self.server, self.entrance = entrance.who, entrance.server, entrance

    def wrong(self, about: str, text: str) -> None:
        place = f"{self.server.account}.{self.server.user}.{self.server.label}"
        self.tried.wrong.append(f"{self.who} | {about} at {place}: {text}")

    def look(self, about: str, whole: str, given: set[str], *, inside: bool) -> None:
        """Find what may not stand in an answer. `inside`: the caller has been let in."""
        for text in sorted(self.world.found(whole) - given):
            mark = self.world.marks[text]
            if not (inside and may_read(self.who, self.server, mark)):
                self.wrong(about, f"shows {text!r} of {mark.thing.account}.{mark.thing.user}")

    def enter(self, ways: Mapping[str, Way] = SINGLE) -> None:
        """Ask in each of the ways, and where nobody may tell the server from none, there too."""
        right, absent, path = self.entrance.right, self.entrance.absent, self.entrance.path
        for about, ask in ways.items():
            answer = ask(self.world, path, self.who.headers)
            self.tried.cells += 1
            if answer.status != right:
                self.wrong(about, f"{answer.status}, not {right}: {answer.text[:200]}")
                continue
            self.look(about, answer.whole, {self.server.id}, inside=right == 200)
            if right == 200 and dict(answer.headers)["x-alloy-userid"] != self.who.user:
                self.wrong(about, "another user counted")
            if absent is not None:
                other = ask(self.world, absent, self.who.headers)
                self.tried.compared += 1
                asked = [self.server.id, absent.split("/")[2]]
                if answer.without(asked) != other.without(asked):
                    self.wrong(about, f"differs from nothing: {answer.text[:200]} and {other.text[:200]}")

    def converse(self) -> None:
        """Everything that can be asked where one is let in."""
        for message in self.messages():
            for era in ERAS:
                if message.era in (None, era):
                    self._ask(message, era)

    def messages(self) -> list[Message]:
        """What there is to ask at this server."""
        direct = self.server.label == "direct"
        return [message for message in MESSAGES if message.direct in (None, direct)]

    def aims(self, message: Message) -> Iterator[tuple[Thing, Thing]]:
        """The connectors and credentials to ask about: the caller's own, a colleague's, another account's."""
        account = self.who.account
        role = "mate" if self.who.user == self.world.accounts[account].ids["mate"] else "admin"
        credential = self.world.the("credential", account, role, "own")
        own = self.world.the("connector", account, label="own")
        foreign = self.world.the("connector", OTHER[account], label="own")
        colleague = self.world.the("credential", account, "admin" if role == "mate" else "mate", "own")
        abroad = self.world.the("credential", OTHER[account], role, "own")
        stores = message.params.get("name") == "create_credential_alloy"
        if not stores:
            yield own, credential
        if message.aimed:
            yield foreign, abroad
        if message.with_credential:
            yield own, colleague
            yield own, abroad
            yield foreign, credential

    def judge(self, about: str, message: Message, connector: Thing, credential: Thing, whole: str, body: Any) -> None:
        """Hold the answer to one message against what is right; `body` is its JSON, `whole` all that was sent."""
        given = {connector.id, credential.id, self.server.id}
        if message.params.get("uri", "").endswith("/activity"):
            # What one has asked for oneself is on record, whether it was there or not.
            given |= {each.id for each in self.world.of("connector")}
        self.look(about, whole, given, inside=True)
        right = self._well(message, connector, credential)
        if right is not None and went_well(body) != right:
            self.wrong(about, f"{'refused' if right else 'answered'}: {whole[:300]}")

    def _ask(self, message: Message, era: str) -> None:
        about = f"{message.method} {message.params.get('name', message.params.get('uri', ''))} {era}"
        path, headers = self.entrance.path, self.who.headers
        for connector, credential in self.aims(message):
            answer = post(self.world, path, headers, message, era, connector.id, credential.id)
            self.tried.cells += 1
            self.judge(about, message, connector, credential, answer.whole, answer.json())
            mine = connector.account == self.who.account
            refused = message.with_credential and self._well(message, connector, credential) is False
            if message.aimed and (not mine or refused):
                nothing = connector if mine else connector.absent()
                no_credential = credential if self._own(credential) else credential.absent()
                other = post(self.world, path, headers, message, era, nothing.id, no_credential.id)
                self.tried.compared += 1
                asked = [connector.id, nothing.id, credential.id, no_credential.id]
                if answer.without(asked) != other.without(asked):
                    self.wrong(about, f"differs from nothing: {answer.text[:300]} and {other.text[:300]}")

    def _well(self, message: Message, connector: Thing, credential: Thing) -> bool | None:
        """Whether the message is to go well; None where that says nothing."""
        published = "__" in message.params.get("name", "")
        if message.method not in ("tools/call", "resources/read") and not published:
            return None
        mine = connector.account == self.who.account
        well = (mine or not message.aimed) and (self._own(credential) or not message.with_credential)
        return well and (self.who.known or not message.writes)

    def _own(self, credential: Thing) -> bool:
        return (credential.account, credential.user) == (self.who.account, self.who.user)


def told(tried: Tried, name: str, compared: str = "what is not there") -> None:
    """Say what was tried, and fail where something of it was not right."""
    print(f"\n{name}: {tried.cells} cells, {tried.compared} compared with {compared}")
    assert not tried.wrong, tried.report()
    assert tried.cells > 50
