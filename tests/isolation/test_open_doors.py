"""Isolation where nobody is asked who they are, and where answers are kept: links, metadata, pages, Idempotency-Key."""

from collections.abc import Iterator
from urllib.parse import urlsplit

import pytest

from support.isolation.callers import Who, callers, nobody
from support.isolation.wire import Answer
from support.isolation.world import ACCOUNTS, ROLES, World

OPEN = ("/health/live", "/health/ready", "/docs", "/openapi.json")


def everybody(world: World) -> Iterator[Who]:
    yield from nobody()
    for account in ACCOUNTS:
        yield from callers(world, account)


def browse(world: World, path: str, who: Who | None = None) -> Answer:
    return world.wire.ask("GET", path, {} if who is None else who.headers)


def test_what_is_open_shows_nothing_of_anybody(world: World) -> None:
    for path in OPEN:
        answers = {browse(world, path, who).without([]) for who in everybody(world)}
        assert len(answers) == 1, path
        ((status, text),) = answers
        assert (status, world.found(text)) == (200, set())


@pytest.mark.parametrize("account", ACCOUNTS)
@pytest.mark.parametrize("role", ROLES)
def test_a_link_to_sign_in_opens_its_own_connectors_page(world: World, account: str, role: str) -> None:
    """Who holds the link is shown whose it is, and at any other connector as little as with a link that nobody made."""
    link = urlsplit(world.links[account, role])
    token = link.query.removeprefix("token=")
    shown = browse(world, f"{link.path}?{link.query}")
    assert shown.status == (403 if role == "gone" else 200)
    user = world.accounts[account].ids[role]
    for text in world.found(shown.text) - {token}:
        thing = world.marks[text].thing
        assert thing.account == account, text
        assert thing.user == user or thing.kind == "connector", text
    made_up = token[:-8] + "AAAAAAAA"
    for connector in world.of("connector"):
        if connector.id in link.path:
            continue
        path = f"/api/strategy/connector/{connector.id}/authorize?token="
        one, other = (browse(world, path + each) for each in (token, made_up))
        assert one.status == 404
        assert not world.found(one.whole) - {token}
        assert one.without([token]) == other.without([made_up])


def test_the_way_back_from_a_platform_tells_nothing_of_connectors(world: World) -> None:
    said = set()
    for connector in world.of("connector", label="oauth"):
        for each in (connector, connector.absent()):
            answer = browse(world, f"/api/strategy/connector/{each.id}/callback?code=x&state=made-up")
            assert not world.found(answer.whole)
            said.add(answer.without([each.id]))
    assert len(said) == 1


def test_where_to_sign_in_is_told_of_accounts_with_an_issuer_of_their_own_alone(world: World) -> None:
    for account in ACCOUNTS:
        for server in world.of("server", account):
            absent = server.absent()
            one, other = (browse(world, f"/.well-known/oauth-protected-resource/mcp/{each.id}") for each in (server, absent))
            assert not world.found(one.whole) - {server.id}
            if account == "A":
                assert one.json()["authorization_servers"] == [world.issuer.url]
            else:
                assert one.without([server.id]) == other.without([absent.id])


@pytest.mark.parametrize(
    ("path", "body"),
    [
        ("/api/servers", {"name": "made once by each"}),
        (
            "/connectors/slack/credentials",
            {"userId": "me", "authenticationType": "bearer", "data": {"token": "x"}},
        ),
    ],
)
def test_one_idempotency_key_answers_each_user_their_own(world: World, path: str, body: object) -> None:
    kept: dict[tuple[str, str], str] = {}
    scope = "manage" if path == "/api/servers" else "use"
    for who in everybody(world):
        answer = world.wire.ask("POST", path, {**who.headers, "Idempotency-Key": "one-key-for-everybody"}, body)
        headers = dict(answer.headers)
        right = who.refused or (200 if scope in who.scopes and who.known else 403)
        assert answer.status == (201 if right == 200 and path == "/api/servers" else right), (str(who), answer.text)
        assert ("idempotent-replayed" in headers) == (right == 200 and (who.account, who.user) in kept), str(who)
        if right == 200:
            assert kept.setdefault((who.account, who.user), answer.text) == answer.text, str(who)
    assert len(kept) == len(set(kept.values())) == 6
