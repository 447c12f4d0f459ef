"""Who is kept out from now on is so at their very next request, and reads as anybody does who was never there.

Every kind of identity that may do so rotates, pauses and deletes a server of its own; an operator disables and deletes
a user and an account. Servers that were paused, rotated or expired before anybody came are cells of test_mcp_doors.py.
"""

import secrets

import pytest

from support.isolation.callers import ISSUERS, Who, bearer, callers, jwt_of
from support.isolation.gate import SINGLE, TOGETHER
from support.isolation.things import ACCOUNTS, OPERATOR, Thing
from support.isolation.world import World

WAYS = {**SINGLE, **TOGETHER}
# An address, and what is sent along.
Coming = tuple[str, dict[str, str]]


def said_to(world: World, comings: list[Coming]) -> list[int]:
    """The status for each, which is the same in both eras and in a batch."""
    found = []
    for path, headers in comings:
        statuses = {ask(world, path, headers).status for ask in WAYS.values()}
        assert len(statuses) == 1, (path, statuses)
        found.append(statuses.pop())
    return found


def reads_as_nothing(world: World, server: Thing, token: str) -> None:
    """A token URL that opens nothing is answered as that of a server that there is not."""
    absent = server.absent()
    for ask in WAYS.values():
        answer = ask(world, f"/mcp/{server.id}/{token}", {})
        assert answer.status == 401
        assert answer.without([server.id]) == ask(world, f"/mcp/{absent.id}/{token}", {}).without([absent.id])


def managers(world: World, account: str) -> list[Who]:
    return [who for who in callers(world, account) if who.refused is None and "manage" in who.scopes and who.known]


@pytest.mark.parametrize("account", ACCOUNTS)
def test_what_its_owner_does_to_a_server_counts_at_once(world: World, account: str) -> None:
    roles = {user: role for role, user in world.accounts[account].ids.items()}
    for who in managers(world, account):
        server = world.fresh("server", account, roles[who.user])
        mine = bearer(jwt_of(world, ISSUERS[account][0], who.user))
        path, plain = f"/api/servers/{server.id}", (f"/mcp/{server.id}", mine)
        old = (f"/mcp/{server.id}/{server.token}", {})
        assert said_to(world, [old, plain]) == [200, 200], who
        token = world.wire.made("POST", f"{path}/token", who.headers)["accessToken"]
        new = (f"/mcp/{server.id}/{token}", {})
        assert said_to(world, [old, new, plain]) == [401, 200, 200], who
        reads_as_nothing(world, server, server.token)
        world.wire.made("POST", f"{path}/pause", who.headers)
        assert said_to(world, [old, new, plain]) == [401, 403, 403], who
        reads_as_nothing(world, server, server.token)
        world.wire.made("POST", f"{path}/resume", who.headers)
        assert said_to(world, [old, new, plain]) == [401, 200, 200], who
        world.wire.made("DELETE", path, who.headers)
        assert said_to(world, [old, new, plain]) == [401, 401, 404], who
        reads_as_nothing(world, server, token)


@pytest.mark.parametrize("account", ACCOUNTS)
def test_a_user_who_is_disabled_or_deleted(world: World, account: str) -> None:
    here, user, kind = world.accounts[account], f"leaving-{secrets.token_hex(4)}", ISSUERS[account][0]
    key = bearer(world.wire.made("POST", "/keys", here.operator, {"userId": user})["key"])
    private = _made(world, key, {"name": "private"})
    public = _made(world, key, {"name": "public", "isPublic": True})
    proof, mates = jwt_of(world, kind, user), jwt_of(world, kind, here.ids["mate"])
    theirs: list[Coming] = [
        (f"/mcp/{private.id}/{private.token}", {}),
        (f"/mcp/{private.id}/{private.token}", {"x-alloy-user-token": proof}),
        (f"/mcp/{private.id}", key),
        (f"/mcp/{private.id}", bearer(proof)),
        (f"/mcp/{private.id}", here.acting(user)),
    ]
    others: list[Coming] = [
        (f"/mcp/{public.id}/{public.token}", {"x-alloy-user-token": mates}),
        (f"/mcp/{public.id}", bearer(here.keys["mate"])),
    ]
    for disabled, status in ((False, 200), (True, 403), (False, 200)):
        world.wire.made("PATCH", f"/users/{user}", here.operator, {"disabled": disabled})
        assert said_to(world, [*theirs, *others]) == [status] * 7
        reads_as_nothing(world, private, private.token[:-8] + "AAAAAAAA")
    assert world.wire.ask("DELETE", f"/users/{user}", here.operator).status == 200
    # A JWT makes its user anew, who has no server; and nobody stands in for whom an operator names in vain.
    assert said_to(world, [*theirs[:3], *others]) == [401, 401, 401, 401, 404]
    assert said_to(world, theirs[3:]) == [404, 404]
    for server in (private, public):
        reads_as_nothing(world, server, server.token)


def test_an_account_that_is_disabled_or_deleted(world: World) -> None:
    made = world.wire.made("POST", "/accounts", OPERATOR, {"name": f"leaving {secrets.token_hex(4)}"})
    key, account = bearer(made["key"]), f"/accounts/{made['accountId']}"
    server = _made(world, key, {"name": "public", "isPublic": True})
    comings: list[Coming] = [(f"/mcp/{server.id}/{server.token}", {}), (f"/mcp/{server.id}", key)]
    for disabled, status in ((False, 200), (True, 403), (False, 200)):
        world.wire.made("PATCH", account, OPERATOR, {"disabled": disabled})
        assert said_to(world, comings) == [status] * 2
        reads_as_nothing(world, server, server.token[:-8] + "AAAAAAAA")
    assert world.wire.ask("DELETE", account, OPERATOR).status == 200
    assert said_to(world, comings) == [401, 401]
    reads_as_nothing(world, server, server.token)


def _made(world: World, headers: dict[str, str], body: dict[str, object]) -> Thing:
    """A server, and nothing that is looked for in others' answers."""
    made = world.wire.made("POST", "/api/servers", headers, body)
    return Thing("server", "-", None, made["serverId"], token=made["accessToken"])
