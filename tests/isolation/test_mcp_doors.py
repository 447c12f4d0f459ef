"""Isolation as a matrix over MCP: every identity at every server, by both endpoints and in both eras.

Whoever is not let in is told the same as where there is no such server. Whoever is, asks every method, tool, prompt and
resource about connectors and credentials of everybody: another's read as if they were not there.
"""

from collections.abc import Iterator

import pytest

from gateway.content.prompts import PROMPTS
from gateway.content.resources import TEMPLATES
from gateway.protocol.methods import LEGACY_METHODS, MODERN_METHODS
from gateway.tools.registry import TOOLS
from support.isolation.callers import ISSUERS, OTHER, Who, bearer, callers, jwt_of, nobody
from support.isolation.messages import ERAS, LEGACY, MESSAGES, MODERN, Message, at_plain_door, may_read, post, went_well
from support.isolation.targets import pairs_of
from support.isolation.things import ACCOUNTS, Thing
from support.isolation.trying import Tried
from support.isolation.wire import Answer
from support.isolation.world import World

LABELS = ("private", "public", "shared", "named", "direct", "paused")
TOKEN_LABELS = (*LABELS, "rotated", "expired")
LIST = Message("tools/list", {})
STRANGER = "a-stranger-whom-a-jwt-proves"


def test_every_tool_prompt_resource_and_method_is_asked_for() -> None:
    def named(method: str, key: str) -> set[str]:
        return {message.params[key] for message in MESSAGES if message.method == method}

    assert set(TOOLS) <= named("tools/call", "name")
    assert set(PROMPTS) <= named("prompts/get", "name")
    completed = {message.params["ref"].get("uri") for message in MESSAGES if message.method == "completion/complete"}
    assert {template["uriTemplate"] for template in TEMPLATES.values()} <= {
        uri.format(connector="") for uri in completed if uri is not None
    }
    for era, methods in ((LEGACY, LEGACY_METHODS), (MODERN, MODERN_METHODS)):
        assert set(methods) == {message.method for message in MESSAGES if message.era in (None, era)}


class Gate:
    """One caller before the servers."""

    def __init__(self, world: World, who: Who, tried: Tried) -> None:
        self.world, self.who, self.tried = world, who, tried

    def wrong(self, about: str, server: Thing, text: str) -> None:
        place = f"{server.account}.{server.user}.{server.label}"
        self.tried.wrong.append(f"{self.who} | {about} at {place}: {text}")

    def look(self, about: str, server: Thing, answer: Answer, given: set[str], *, inside: bool) -> None:
        for text in sorted(self.world.found(answer.whole) - given):
            mark = self.world.marks[text]
            if not (inside and may_read(self.who, server, mark)):
                self.wrong(about, server, f"shows {text!r} of {mark.thing.account}.{mark.thing.user}")

    def enter(self, path: str, headers: dict[str, str], server: Thing, right: int, absent: str | None) -> None:
        """Ask for the tools. `absent` is the address of a server that there is not, if nobody may tell it from this."""
        for era in ERAS:
            answer = post(self.world, path, headers, LIST, era)
            self.tried.cells += 1
            about = f"{LIST.method} {era}"
            if answer.status != right:
                self.wrong(about, server, f"{answer.status}, not {right}: {answer.text[:200]}")
                continue
            given = {server.id}
            self.look(about, server, answer, given, inside=right == 200)
            if right == 200 and dict(answer.headers)["x-alloy-userid"] != self.who.user:
                self.wrong(about, server, "another user counted")
            if absent is not None:
                other = post(self.world, absent, headers, LIST, era)
                self.tried.compared += 1
                asked = [server.id, absent.split("/")[2]]
                if answer.without(asked) != other.without(asked):
                    self.wrong(about, server, f"differs from nothing: {answer.text[:200]} and {other.text[:200]}")

    def converse(self, path: str, headers: dict[str, str], server: Thing) -> None:
        """Everything that can be asked where one is let in."""
        direct = server.label == "direct"
        for message in MESSAGES:
            if message.direct not in (None, direct):
                continue
            for era in ERAS:
                if message.era in (None, era):
                    self._ask(path, headers, server, message, era)

    def _ask(self, path: str, headers: dict[str, str], server: Thing, message: Message, era: str) -> None:
        about = f"{message.method} {message.params.get('name', message.params.get('uri', ''))} {era}"
        for connector, credential in self._aims(message):
            answer = post(self.world, path, headers, message, era, connector.id, credential.id)
            self.tried.cells += 1
            mine = connector.account == self.who.account
            given = {connector.id, credential.id, server.id}
            if message.params.get("uri", "").endswith("/activity"):
                # What one has asked for oneself is on record, whether it was there or not.
                given |= {each.id for each in self.world.of("connector")}
            self.look(about, server, answer, given, inside=True)
            published = "__" in message.params.get("name", "")
            if message.method not in ("tools/call", "resources/read") and not published:
                well = None
            else:
                own = credential.account == self.who.account and credential.user == self.who.user
                well = (mine or not message.aimed) and (own or not message.with_credential)
                well = well and (self.who.known or not message.writes)
            if well is not None and went_well(answer) != well:
                self.wrong(about, server, f"{'refused' if well else 'answered'}: {answer.text[:300]}")
            if message.aimed and (not mine or (message.with_credential and well is False)):
                nothing = connector if mine else connector.absent()
                no_credential = credential if self._own(credential) else credential.absent()
                other = post(self.world, path, headers, message, era, nothing.id, no_credential.id)
                self.tried.compared += 1
                asked = [connector.id, nothing.id, credential.id, no_credential.id]
                if answer.without(asked) != other.without(asked):
                    self.wrong(about, server, f"differs from nothing: {answer.text[:300]} and {other.text[:300]}")

    def _own(self, credential: Thing) -> bool:
        return (credential.account, credential.user) == (self.who.account, self.who.user)

    def _aims(self, message: Message) -> Iterator[tuple[Thing, Thing]]:
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


def servers(world: World, who: Who) -> list[Thing]:
    return [world.the("server", account, role, label) for account, role in pairs_of(who) for label in LABELS]


def stranger(world: World, account: str) -> Who:
    token = jwt_of(world, ISSUERS[account][0], STRANGER)
    return Who("JWT of a stranger", bearer(token), account, STRANGER, STRANGER)


def told(tried: Tried, name: str) -> None:
    print(f"\n{name}: {tried.cells} cells, {tried.compared} compared with what is not there")
    assert not tried.wrong, tried.report()
    assert tried.cells > 50


def at_plain_doors(world: World, everybody: list[Who], name: str) -> None:
    tried = Tried()
    for who in everybody:
        gate = Gate(world, who, tried)
        for server in servers(world, who):
            right = at_plain_door(world, who, server)
            may_know = who.refused is None and right == 403 and "use" in who.scopes
            absent = None if right == 200 or may_know else f"/mcp/{server.absent().id}"
            if who.refused == 401 and server.account != "O":
                # Where a client can sign in at an account's own issuer is told to everybody: docs/authentication.md.
                absent = None
            gate.enter(f"/mcp/{server.id}", who.headers, server, right, absent)
        if who.refused is None and "use" in who.scopes and who.user != STRANGER:
            for label in ("public", "direct"):
                role = "mate" if label == "direct" and who.user != "admin" else "admin"
                server = world.the("server", who.account, role, label)
                gate.converse(f"/mcp/{server.id}", who.headers, server)
    told(tried, f"/mcp/{{serverId}} {name}")


class TestPlainDoors:
    @pytest.mark.parametrize("account", ACCOUNTS)
    def test_matrix(self, world: World, account: str) -> None:
        at_plain_doors(world, [*callers(world, account), stranger(world, account)], account)

    def test_nobody(self, world: World) -> None:
        at_plain_doors(world, nobody(), "-")


class TestTokenUrls:
    @pytest.mark.parametrize("account", ACCOUNTS)
    def test_matrix(self, world: World, account: str) -> None:
        tried = Tried()
        for server in [each for each in world.of("server", account) if each.label in TOKEN_LABELS]:
            for label, headers, user, refused in comers(world, server):
                who = Who(label, headers, account, user, server.user or "", "token", refused=refused)
                right = 401 if server.expired else refused or at_token_door(world, user, server)
                gate, path = Gate(world, who, tried), f"/mcp/{server.id}/{server.token}"
                gone = f"/mcp/{server.absent().id}/{server.token}" if server.expired else None
                gate.enter(path, headers, server, right, gone)
                if right == 200 and server.label in ("private", "direct") and user != STRANGER:
                    gate.converse(path, headers, server)
            for text in wrong_tokens(world, server):
                who = Who("a wrong token", {}, refused=401)
                gone = f"/mcp/{server.absent().id}/{text}"
                Gate(world, who, tried).enter(f"/mcp/{server.id}/{text}", {}, server, 401, gone)
        told(tried, f"/mcp/{{serverId}}/{{accessToken}} {account}")


def at_token_door(world: World, user: str, server: Thing) -> int:
    if world.accounts[server.account].ids["gone"] in (server.user, user):
        return 403
    return 403 if server.paused or (server.allowed and user not in server.allowed) else 200


def comers(world: World, server: Thing) -> Iterator[tuple[str, dict[str, str], str, int | None]]:
    """Who comes by a token URL: what they are called, what they send, who counts, how they are refused."""
    account, abroad = world.accounts[server.account], world.accounts[OTHER[server.account]]
    kind, owner = ISSUERS[account.name][0], str(server.user)
    yield "bare", {}, owner, None
    for role, user in account.ids.items():
        counts = user if server.public and user in server.allowed else owner
        yield f"userid of {role}", {"x-alloy-userid": user}, counts, None
        refused = 403 if role == "gone" else None
        yield f"user token of {role}", {"x-alloy-user-token": jwt_of(world, kind, user)}, user, refused
        yield (
            f"user token of {role}, and a userid",
            {"x-alloy-user-token": jwt_of(world, kind, user), "x-alloy-userid": "admin"},
            user,
            refused,
        )
    yield "userid of another account", {"x-alloy-userid": abroad.ids["mate"]}, owner, None
    yield "userid of nobody", {"x-alloy-userid": "nobody-knows-them"}, owner, None
    yield "user token of a stranger", {"x-alloy-user-token": jwt_of(world, kind, STRANGER)}, STRANGER, None
    foreign = jwt_of(world, ISSUERS[abroad.name][0], "admin")
    yield "user token of another account", {"x-alloy-user-token": foreign}, owner, 401
    yield "expired user token", {"x-alloy-user-token": jwt_of(world, kind, "admin", exp=1)}, owner, 401
    yield "garbage as user token", {"x-alloy-user-token": "a.b.c"}, owner, 401
    yield "and another account's key", bearer(abroad.keys["both"]), owner, None


def wrong_tokens(world: World, server: Thing) -> list[str]:
    account = world.accounts[server.account]
    another = next(each for each in world.of("server", account.name) if each.id != server.id)
    abroad = world.of("server", OTHER[account.name])[0]
    before = [world.old_tokens[server.id]] if server.id in world.old_tokens else []
    made_up = [server.token[:-8] + "AAAAAAAA", account.keys["both"], "mcp_token_"]
    return [another.token, abroad.token, *before, *made_up]
