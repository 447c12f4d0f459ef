"""What token endpoints are asked, and how often."""

from collections.abc import AsyncIterator
from dataclasses import replace
from typing import Any

import pytest

from gateway.catalog.loader import load
from gateway.credentials.oauth.configs import Registration
from gateway.credentials.oauth.provider import Provider, provider_of
from gateway.credentials.oauth.tokens import MAX_ANSWER, TokenClient, TokenRefused, Tokens
from gateway.errors import InvalidRequest, UpstreamError
from gateway.outbound.client import OutboundClient
from gateway.outbound.guard import Guard
from support.oauth_platform import CLIENT_ID, CLIENT_SECRET, OAuthPlatform

REGISTRATION = Registration(auth_config_id="", client_id=CLIENT_ID, client_secret=CLIENT_SECRET)


@pytest.fixture
async def client() -> AsyncIterator[TokenClient]:
    outbound = OutboundClient(Guard(("127.0.0.0/8",)), backoff=0.01)
    yield TokenClient(outbound, clock=lambda: 1000.0)
    await outbound.close()


def provider(platform: OAuthPlatform, **x_oauth: Any) -> Provider:
    found = provider_of(load(platform.document(**x_oauth), connector_id="ledger"))
    assert found is not None
    return found


@pytest.mark.parametrize(
    ("method", "client_shown", "in_body"),
    [
        ("client_secret_basic", (CLIENT_ID, CLIENT_SECRET), set()),
        ("client_secret_post", (CLIENT_ID, CLIENT_SECRET), {"client_id", "client_secret"}),
    ],
)
async def test_the_client_proves_itself_as_the_platform_wants(
    platform: OAuthPlatform, client: TokenClient, method: str, client_shown: tuple[str, str], in_body: set[str]
) -> None:
    """In the header, id and secret are form-encoded before they are joined: one has a colon, the other a percent."""
    asked = provider(platform, tokenEndpointAuthMethod=method)
    tokens = await client.exchange(asked, REGISTRATION, code="c", redirect_uri="https://a.example/cb", verifier="v")
    assert (tokens.access_token, tokens.refresh_token, tokens.expires_at) == ("access-token-1", "refresh-token-1", 4600)
    (one,) = platform.asked
    assert one.client == client_shown
    assert {name: value for name, value in one.fields.items() if name not in in_body} == {
        "grant_type": "authorization_code",
        "code": "c",
        "redirect_uri": "https://a.example/cb",
        "code_verifier": "v",
    }
    assert in_body <= one.fields.keys()
    assert one.headers["accept"] == "application/json"


@pytest.mark.parametrize(
    "registration",
    [replace(REGISTRATION, client_secret=None), replace(REGISTRATION, token_endpoint_auth_method="none")],
)
async def test_a_public_client_shows_its_id_alone(
    platform: OAuthPlatform, client: TokenClient, registration: Registration
) -> None:
    platform.refresh.add("r")
    await client.refresh(provider(platform), registration, "r")
    (one,) = platform.asked
    assert one.fields == {"grant_type": "refresh_token", "refresh_token": "r", "client_id": CLIENT_ID}
    assert "authorization" not in one.headers


async def test_a_request_may_be_json_and_have_headers_of_its_own(platform: OAuthPlatform, client: TokenClient) -> None:
    asked = provider(platform, tokenRequestFormat="json", tokenRequestHeaders={"Notion-Version": "1"})
    await client.exchange(asked, REGISTRATION, code="c", redirect_uri="https://a.example/cb")
    (one,) = platform.asked
    assert (one.headers["content-type"], one.headers["notion-version"]) == ("application/json", "1")
    assert one.fields["code"] == "c"
    assert "code_verifier" not in one.fields


async def test_client_credentials_part_scopes_as_the_platform_does(
    platform: OAuthPlatform, client: TokenClient
) -> None:
    await client.client_credentials(provider(platform, scopeSeparator=","), REGISTRATION, ("a", "b"))
    assert platform.asked[0].fields == {"grant_type": "client_credentials", "scope": "a,b"}


@pytest.mark.parametrize(
    ("answer", "times"),
    [
        # Turned away, and not worked on (RFC 6585, section 4; RFC 9110, section 15.6.4).
        ((503, b"", {"retry-after": "0"}), 2),
        ((429, b"", {"retry-after": "0"}), 2),
        ((503, b"", {}), 1),
        ((502, b"", {}), 1),
        ((504, b"", {}), 1),
        ((500, b"", {}), 1),
        ((307, b"", {"location": "/token"}), 1),
    ],
)
async def test_what_may_have_been_worked_on_is_not_sent_again(
    platform: OAuthPlatform, client: TokenClient, answer: Any, times: int
) -> None:
    platform.script.append(answer)
    platform.refresh.add("r")
    try:
        await client.refresh(provider(platform), REGISTRATION, "r")
    except UpstreamError:
        assert times == 1
    assert len(platform.asked) == times


async def test_an_endless_answer_is_not_read(platform: OAuthPlatform, client: TokenClient) -> None:
    platform.script.append((200, b"x" * (MAX_ANSWER + 1), {}))
    with pytest.raises(UpstreamError, match="limit"):
        await client.refresh(provider(platform), REGISTRATION, "r")


async def test_what_is_refused_repeats_nothing_that_was_sent(platform: OAuthPlatform, client: TokenClient) -> None:
    for name in ("client_secret_basic", "client_secret_post"):
        asked = provider(platform, tokenEndpointAuthMethod=name)
        said = f"code c-0de, verifier v-3rifier, client {CLIENT_SECRET}"
        platform.script.append((400, {"error": "invalid_grant", "error_description": said}, {}))
        with pytest.raises(TokenRefused) as caught:
            await client.exchange(
                asked, REGISTRATION, code="c-0de", redirect_uri="https://a.example", verifier="v-3rifier"
            )
        shown = f"{caught.value} {caught.value.details} {caught.value.__cause__} {caught.value!r}"
        assert caught.value.description == "code [secret], verifier [secret], client [secret]"
        assert not any(secret in shown for secret in ("c-0de", "v-3rifier", CLIENT_SECRET))


async def test_a_token_is_made_void(platform: OAuthPlatform, client: TokenClient) -> None:
    await client.revoke(provider(platform), REGISTRATION, "r")
    await client.revoke(provider(platform), REGISTRATION, "a", "access_token")
    assert [one.fields for one in platform.asked] == [
        {"token": "r", "token_type_hint": "refresh_token"},
        {"token": "a", "token_type_hint": "access_token"},
    ]
    platform.script.append((200, {"ok": False, "error": "not_allowed"}, {}))
    with pytest.raises(TokenRefused):
        await client.revoke(provider(platform), REGISTRATION, "r")
    platform.script.append((404, b"", {}))
    with pytest.raises(UpstreamError, match="404"):
        await client.revoke(provider(platform), REGISTRATION, "r")
    with pytest.raises(InvalidRequest):
        await client.revoke(provider(platform, revocationUrl=""), REGISTRATION, "r")


async def test_a_token_may_have_to_speak_for_itself(platform: OAuthPlatform, client: TokenClient) -> None:
    platform.script.append((200, b"null", {}))
    await client.revoke(provider(platform, revocationRequest="bearer"), REGISTRATION, "a-1", "access_token")
    (one,) = platform.asked
    assert one.headers["authorization"] == "Bearer a-1"
    assert one.fields == {}
    assert "content-type" not in one.headers


def test_nothing_made_of_tokens_shows_them() -> None:
    assert "secret" not in repr(Tokens(access_token="secret-1", refresh_token="secret-2", extra={"id": "secret-3"}))
    assert CLIENT_SECRET not in repr(REGISTRATION)
