"""What was given out to one and is brought along by another: cursors, ETags, request ids; and names that are taken.

Ids in paths, filters and bodies are cells of test_rest_doors.py. Here is what says something without being an id.
"""

import secrets
from collections.abc import Iterator
from typing import Any

import pytest

from support.isolation.callers import Who, callers
from support.isolation.oracle import manages, sees_rows_of
from support.isolation.targets import pairs_of
from support.isolation.things import ACCOUNTS, SHIPPED, Thing
from support.isolation.world import World

AUDIT = "/api/audit?limit=1"


def everybody(world: World, scope: str | None = None) -> list[Who]:
    """All who are not refused at once."""
    found = [who for account in ACCOUNTS for who in callers(world, account) if who.refused is None]
    return [who for who in found if scope is None or scope in who.scopes]


def test_a_cursor_of_the_trail_shows_each_what_is_theirs_and_opens_in_its_account_alone(world: World) -> None:
    given = {
        (who.account, who.user, manages(who)): world.wire.ask("GET", AUDIT, who.headers).json()["nextCursor"]
        for who in everybody(world)
    }
    assert len(given) > 6
    for who in everybody(world):
        made_up = "A" * len(next(iter(given.values())))
        nothing = world.wire.ask("GET", f"{AUDIT}&cursor={made_up}", who.headers)
        assert nothing.status == 400
        for (account, user, _), cursor in given.items():
            answer = world.wire.ask("GET", f"/api/audit?limit=1000&cursor={cursor}", who.headers)
            if account != who.account:
                assert answer.without([cursor]) == nothing.without([made_up]), (str(who), account)
                continue
            rows = answer.json()["audit"]
            assert not [row["userId"] for row in rows if not sees_rows_of(who, row["userId"])], (str(who), user)
            shown = {world.marks[text].thing.account for text in world.found(answer.text)}
            # Whose account was given an issuer is on record with the operator.
            assert shown <= ({who.account} if who.account != "O" else set(ACCOUNTS)), str(who)


@pytest.mark.parametrize("kind", ["tools", "resources", "resources/templates", "prompts"])
def test_a_cursor_of_a_list_shows_each_what_is_theirs(world: World, kind: str) -> None:
    def path(who: Who) -> str:
        return f"/api/servers/{world.the('server', who.account, 'admin', 'direct').id}/{kind}"

    admins = [who for who in everybody(world, "use") if who.user == "admin"]
    given = {who.account: list(_cursors(world, path(who), who)) for who in admins}
    assert all(given.values())
    for who in admins:
        for cursor in (cursor for account, cursors in given.items() if account != who.account for cursor in cursors):
            answer = world.wire.ask("GET", f"{path(who)}?limit=1000&cursor={cursor}", who.headers)
            assert answer.status == 200, answer.text
            shown = {world.marks[text].thing.account for text in world.found(answer.whole)}
            assert shown <= {who.account}, str(who)


def _cursors(world: World, path: str, who: Who) -> Iterator[str]:
    cursor = ""
    while True:
        answer = world.wire.ask("GET", f"{path}?limit=1{cursor and '&cursor='}{cursor}", who.headers).json()
        if "nextCursor" not in answer:
            return
        cursor = answer["nextCursor"]
        yield cursor


@pytest.mark.parametrize(
    ("method", "rest", "header", "body"),
    [
        ("GET", "", "If-None-Match", None),
        ("GET", "/safety", "If-None-Match", None),
        ("PUT", "", "If-Match", {"isPublic": True}),
        ("PUT", "/safety", "If-Match", {"readOnly": True}),
        ("POST", "/token", "If-Match", {}),
        ("DELETE", "", "If-Match", None),
    ],
)
def test_the_right_etag_of_anothers_server_opens_nothing(
    world: World, method: str, rest: str, header: str, body: Any
) -> None:
    for who in everybody(world):
        if method != "GET" and not ("manage" in who.scopes and who.known):
            continue
        for account, role in pairs_of(who):
            server = world.the("server", account, role, "private")
            if (server.account, server.user) == (who.account, who.user) or role == "gone":
                continue
            owner, absent = world.accounts[account].acting(str(server.user)), server.absent()
            before = world.wire.ask("GET", f"/api/servers/{server.id}", owner)
            sent = {**who.headers, header: dict(before.headers)["etag"]}
            one, other = (
                world.wire.ask(method, f"/api/servers/{each.id}{rest}", sent, body) for each in (server, absent)
            )
            assert one.status == 404, (str(who), one.text)
            assert one.without([server.id]) == other.without([absent.id]), str(who)
            assert world.wire.ask("GET", f"/api/servers/{server.id}", owner).text == before.text


def test_one_request_id_shows_each_their_own_rows(world: World) -> None:
    request = f"shared-{secrets.token_hex(4)}"
    for who in everybody(world, "manage"):
        if who.known:
            world.wire.made("POST", "/api/servers", {**who.headers, "X-Request-Id": request}, {"name": _name()})
    for who in everybody(world):
        rows = world.wire.ask("GET", f"/api/audit?limit=1000&requestId={request}", who.headers).json()["audit"]
        assert not [row["userId"] for row in rows if not sees_rows_of(who, row["userId"])], str(who)
        sql = "SELECT COUNT(*) FROM audit WHERE request_id = ? AND account_id = ? AND (? OR user_id = ?)"
        account = world.accounts[who.account].account_id
        assert len(rows) == world.count(sql, request, account, manages(who), who.user), str(who)


def test_a_name_that_another_has_is_free(world: World) -> None:
    """Being refused would tell that it is there. What counts is the same user, or the account where things are its."""
    name = _name()
    made: list[tuple[str, str, Any]] = [
        ("POST", "/users", {"username": name}),
        ("POST", "/keys", {"userId": name, "name": name}),
        ("POST", "/connectors", {"id": name.lower(), "name": name, "document": world.upstream.document()}),
    ]
    for account in ACCOUNTS:
        here = world.accounts[account]
        signin = world.the("connector", account, label="oauth")
        config = ("POST", "/auth-configs", {"connectorId": signin.id, "clientId": name, "name": name})
        for method, path, body in (*made, config):
            answer = world.wire.ask(method, path, here.operator, body)
            assert answer.status == 201, (account, path, answer.text)
        for role in ("admin", "mate"):
            acting, fresh = here.acting(here.ids[role]), world.fresh("server", account, role)
            token = {"userId": "me", "authenticationType": "bearer", "data": {"token": "x"}, "name": name}
            for method, path, body in (
                ("POST", "/api/servers", {"name": name}),
                ("PUT", f"/api/servers/{fresh.id}", {"name": f"{name} again"}),
                ("POST", f"/connectors/{SHIPPED}/credentials", token),
                ("PATCH", f"/connectors/{SHIPPED}/credentials/{_credential(world, account, role)}", {"name": name}),
            ):
                answer = world.wire.ask(method, path, acting, body)
                assert answer.status in (200, 201), (account, role, path, answer.text)


def _credential(world: World, account: str, role: str) -> str:
    thing: Thing = world.fresh("credential", account, role)
    return thing.id


def _name() -> str:
    return f"taken-{secrets.token_hex(6)}"
