"""Tokens renewed on the way to a platform: once, by one, and stored before they are used."""

import asyncio
import logging
import time
from typing import Any

import pytest
from refreshing import LEASE, Bench

from gateway.credentials.oauth.refresh import CredentialDead, Refresher
from gateway.errors import CredentialNotFound, Forbidden, Unavailable, UpstreamError, UpstreamTimeout
from storage.runner import StoreBusy, StoreError


async def test_a_token_that_lasts_is_left_alone(bench: Bench) -> None:
    for secret in (await bench.connect(3600), await bench.connect(None)):
        assert await bench.fresh(secret) is secret
    assert bench.platform.asked == []


@pytest.mark.parametrize("left", [-100, 0, 59])
async def test_a_token_that_is_about_to_end_is_renewed_and_stored(bench: Bench, left: int) -> None:
    secret = await bench.connect(left, scope="read")
    found = await bench.fresh(secret)
    assert found.data == {
        "token": "access-token-2",
        "refreshToken": "refresh-token-2",
        "scope": "read",
        "tokenType": "Bearer",
    }
    assert found.expires_at is not None
    assert 3590 < found.expires_at - time.time() <= 3600
    assert await bench.stored(secret.credential_id) == found
    row = await bench.row(secret.credential_id)
    assert (row.lease, row.lease_until, row.dead, row.version) == (None, None, False, 1)
    assert bench.noted == ["ok"]
    assert await bench.fresh(found) is found


async def test_a_token_that_never_lasts_long_is_not_renewed_at_each_call(bench: Bench) -> None:
    bench.platform.lifetime = 20
    found = await bench.fresh(await bench.connect())
    assert await bench.fresh(found) is found
    assert len(bench.platform.asked) == 1


async def test_a_refresh_token_that_may_be_used_again_is_kept(bench: Bench) -> None:
    bench.platform.rotating = False
    secret = await bench.connect()
    assert (await bench.fresh(secret)).data["refreshToken"] == secret.data["refreshToken"]


async def test_twenty_at_once_in_one_process_are_one_refresh_and_one_look(
    bench: Bench, monkeypatch: pytest.MonkeyPatch
) -> None:
    bench.platform.delay = 0.3
    secret = await bench.connect()
    reads = 0
    read = bench.first.leases.read

    async def counted(*of: Any) -> Any:
        nonlocal reads
        reads += 1
        return await read(*of)

    monkeypatch.setattr(bench.first.leases, "read", counted)
    found = await asyncio.gather(*(bench.fresh(secret) for _ in range(20)))
    assert {each.data["token"] for each in found} == {"access-token-2"}
    assert (len(bench.platform.asked), bench.platform.reused, reads) == (1, 0, 1)


async def test_processes_that_share_the_file_renew_once(bench: Bench) -> None:
    bench.platform.delay = 0.3
    secret = await bench.connect()
    processes = [bench.first, bench.another(), bench.another()]
    found = await asyncio.gather(*(bench.fresh(secret, process) for process in processes for _ in range(7)))
    assert {each.data["token"] for each in found} == {"access-token-2"}
    assert (len(bench.platform.asked), bench.platform.reused) == (1, 0)


async def test_who_comes_with_an_old_token_is_given_the_new_one(bench: Bench) -> None:
    secret = await bench.connect()
    found = await bench.fresh(secret)
    assert await bench.fresh(secret, bench.another()) == found
    assert await bench.after_refusal(secret) == found
    assert len(bench.platform.asked) == 1


async def test_a_lease_whose_holder_died_ends_by_itself(bench: Bench) -> None:
    secret = await bench.connect()
    assert await bench.another().leases.take("default", secret, "the-one-who-died")
    begun = time.monotonic()
    found = await bench.fresh(secret)
    assert found.data["token"] == "access-token-2"
    assert 1 < time.monotonic() - begun < LEASE + 3


async def test_a_lease_of_a_clock_that_was_set_back_counts_for_nothing(bench: Bench) -> None:
    secret = await bench.connect()
    await bench.set(secret.credential_id, lease="x", lease_until=int(time.time()) + 86_400)
    assert (await bench.fresh(secret, seconds=1)).data["token"] == "access-token-2"


async def test_who_goes_away_takes_nothing_along(bench: Bench) -> None:
    """The caller that began the renewal is cancelled in the middle: the rotated token is stored all the same."""
    bench.platform.delay = 0.3
    secret = await bench.connect()
    first = asyncio.create_task(bench.fresh(secret))
    await asyncio.sleep(0.1)
    second = asyncio.create_task(bench.fresh(secret))
    await asyncio.sleep(0.05)
    first.cancel()
    with pytest.raises(asyncio.CancelledError):
        await first
    assert (await second).data["refreshToken"] == "refresh-token-2"
    assert (await bench.stored(secret.credential_id)).data["refreshToken"] == "refresh-token-2"


async def test_a_deadline_ends_the_waiting_and_not_the_renewal(bench: Bench) -> None:
    bench.platform.delay = 0.5
    secret = await bench.connect()
    with pytest.raises(UpstreamTimeout, match=r"within 0\.1 seconds"):
        await bench.fresh(secret, seconds=0.1)
    await bench.first.refresher.close()
    assert (await bench.stored(secret.credential_id)).data["refreshToken"] == "refresh-token-2"


async def test_stopping_waits_for_what_is_under_way_and_begins_nothing(bench: Bench) -> None:
    bench.platform.delay = 0.3
    secret, other = await bench.connect(), await bench.connect()
    under_way = asyncio.create_task(bench.fresh(secret))
    await asyncio.sleep(0.1)
    closing = asyncio.create_task(bench.first.refresher.close())
    await asyncio.sleep(0)
    with pytest.raises(Unavailable, match="stopping"):
        await bench.fresh(other)
    await closing
    assert (await under_way).data["token"] == "access-token-3"


async def test_what_came_is_stored_before_it_is_used_however_long_that_takes(
    bench: Bench, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    secret = await bench.connect()
    keep, refused = bench.first.leases.keep, [StoreBusy("locked"), StoreError("gone")]

    async def busy(*of: Any) -> Any:
        if refused:
            raise refused.pop(0)
        return await keep(*of)

    monkeypatch.setattr(bench.first.leases, "keep", busy)
    found = await bench.fresh(secret)
    assert await bench.stored(secret.credential_id) == found
    assert len(bench.platform.asked) == 1
    said = [record.getMessage() for record in caplog.records if record.levelno == logging.ERROR]
    assert len(said) == 2
    assert all(secret.credential_id in line for line in said)
    assert "token-2" not in caplog.text


async def test_what_cannot_be_stored_until_the_end_is_said_to_be_lost(
    bench: Bench, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    secret = await bench.connect()

    async def gone(*of: Any) -> Any:
        raise StoreError("the disk is gone")

    monkeypatch.setattr(bench.first.leases, "keep", gone)
    monkeypatch.setattr("gateway.credentials.oauth.refresh._CLOSING", 0.3)
    waiting = asyncio.create_task(bench.fresh(secret, seconds=5))
    await asyncio.sleep(0.2)
    await bench.first.refresher.close()
    with pytest.raises(Unavailable, match="stopping"):
        await waiting
    assert f"of credential {secret.credential_id} its renewed token is lost" in caplog.text
    assert "token-2" not in caplog.text


async def test_invalid_grant_ends_the_credential(bench: Bench, caplog: pytest.LogCaptureFixture) -> None:
    secret = await bench.connect()
    bench.platform.refresh.clear()
    with pytest.raises(CredentialDead) as caught:
        await bench.fresh(secret)
    assert caught.value.details == {
        "connectorId": "ledger",
        "credentialId": secret.credential_id,
        "status": "dead",
    }
    assert caught.value.__cause__ is None
    row = await bench.row(secret.credential_id)
    assert (row.dead, row.lease, row.version) == (True, None, 0)
    assert bench.noted == ["UPSTREAM_ERROR"]
    with pytest.raises(CredentialDead):
        await bench.fresh(await bench.stored(secret.credential_id))
    # Also who has read the row before.
    with pytest.raises(CredentialDead):
        await bench.fresh(secret, bench.another())
    assert len(bench.platform.asked) == 1
    # The platform repeated the token in its reason.
    assert "refresh-token" not in caplog.text + str(caught.value)


@pytest.mark.parametrize(
    "answer",
    [
        (500, {"error": "invalid_grant"}, {}),
        (503, b"", {}),
        (429, {"error": "invalid_grant"}, {}),
        (401, {"error": "invalid_client"}, {}),
        (400, {"error": "temporarily_unavailable"}, {}),
        (400, b"<html>", {}),
        (302, b"", {"location": "http://127.0.0.1:1/"}),
        (200, {"token_type": "Bearer"}, {}),
    ],
)
async def test_trouble_at_the_token_endpoint_ends_no_credential(bench: Bench, answer: Any) -> None:
    secret = await bench.connect()
    bench.platform.script.append(answer)
    with pytest.raises(UpstreamError):
        await bench.fresh(secret)
    assert len(bench.platform.asked) == 1
    row = await bench.row(secret.credential_id)
    assert (row.dead, row.lease) == (False, None)
    assert (await bench.fresh(secret)).data["token"] == "access-token-2"


async def test_while_the_old_token_lasts_trouble_does_not_show(bench: Bench) -> None:
    secret = await bench.connect(30)
    bench.platform.script.append((503, b"", {}))
    assert await bench.fresh(secret) is secret


async def test_a_token_that_ended_and_cannot_be_renewed_is_dead(bench: Bench) -> None:
    secret = await bench.connect(refreshToken="")
    with pytest.raises(CredentialDead):
        await bench.fresh(secret)
    assert (await bench.row(secret.credential_id)).dead
    lasting = await bench.connect(30, refreshToken="")
    assert await bench.fresh(lasting) is lasting
    assert await bench.after_refusal(lasting) is None
    assert bench.platform.asked == []


async def test_a_refused_token_is_renewed_once(bench: Bench) -> None:
    secret = await bench.connect(3600)
    found = await bench.after_refusal(secret)
    assert found is not None
    assert found.data["token"] == "access-token-2"
    # The platform refuses that too: it is not the token.
    assert await bench.after_refusal(found) is None
    assert len(bench.platform.asked) == 1


async def test_what_was_put_in_its_place_meanwhile_is_not_overwritten(bench: Bench) -> None:
    bench.platform.delay = 0.4
    secret = await bench.connect()
    renewal = asyncio.create_task(bench.fresh(secret))
    await asyncio.sleep(0.2)
    this = ("default", "ann", "ledger", secret.credential_id)
    await bench.another().keeper.replace(*this, "bearer", {"token": "mine"}, None, also=lambda *_: None)
    assert (await renewal).data == {"token": "mine"}
    assert (await bench.stored(secret.credential_id)).data == {"token": "mine"}
    assert bench.platform.revoked == []


async def test_what_was_deleted_meanwhile_does_not_come_back(bench: Bench) -> None:
    """And the tokens that came for nobody are made void."""
    bench.platform.delay = 0.4
    secret = await bench.connect()
    renewal = asyncio.create_task(bench.fresh(secret))
    await asyncio.sleep(0.2)
    await bench.another().keeper.delete("default", "ann", secret.credential_id, also=lambda *_: None)
    with pytest.raises(CredentialNotFound):
        await renewal
    assert await bench.row(secret.credential_id) is None
    assert bench.platform.revoked == ["refresh-token-2"]


async def test_what_was_suspended_is_not_renewed(bench: Bench) -> None:
    secret = await bench.connect()
    await bench.set(secret.credential_id, suspended=True)
    with pytest.raises(Forbidden, match="suspended"):
        await bench.fresh(secret)
    assert bench.platform.asked == []


async def test_who_lost_the_lease_and_comes_back_wins_over_a_refusal(bench: Bench) -> None:
    """A process that stood still holds the tokens; another, which took its lease, hears invalid_grant."""
    secret = await bench.connect()
    bench.platform.delay = 1.0
    late = asyncio.create_task(bench.fresh(secret))
    await asyncio.sleep(0.5)
    await bench.set(secret.credential_id, lease=None)
    bench.platform.delay = 0.0
    # The refresh token is spent by now.
    with pytest.raises(CredentialDead):
        await bench.fresh(secret, bench.another())
    found = await late
    stored = await bench.stored(secret.credential_id)
    assert (stored.dead, stored.data["token"]) == (False, found.data["token"])


async def test_of_other_kinds_nothing_is_renewed(bench: Bench) -> None:
    secret = await bench.connect(kind="bearer", token="t")
    assert await bench.fresh(secret) is secret
    assert await bench.after_refusal(secret) is None
    assert isinstance(bench.first.refresher, Refresher)


async def test_a_client_of_its_own_fetches_its_first_token(bench: Bench) -> None:
    secret = await bench.connect(None, kind="clientCredentials", clientId="c", clientSecret="s", scope="read write")
    found = await bench.fresh(secret)
    assert found.data == {
        "clientId": "c",
        "clientSecret": "s",
        "scope": "read write",
        "token": "access-token-1",
        "tokenType": "Bearer",
    }
    (asked,) = bench.platform.asked
    assert (asked.fields, asked.client) == (
        {"grant_type": "client_credentials", "scope": "read write"},
        ("c", "s"),
    )
    bench.platform.script.append((401, {"error": "invalid_client"}, {}))
    await bench.set(secret.credential_id, expires_at=1)
    with pytest.raises(CredentialDead):
        await bench.fresh(await bench.stored(secret.credential_id))
