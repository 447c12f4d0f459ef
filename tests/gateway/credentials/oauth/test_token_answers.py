"""What token endpoints answer, by the book and otherwise."""

import contextlib
from typing import Any, ClassVar

import orjson
import pytest
from hypothesis import given
from hypothesis import strategies as st

from gateway.credentials.oauth.answers import TokenRefused, Tokens, read
from gateway.errors import UpstreamError
from gateway.outbound.messages import Response

URL = "https://platform.example.com/token"


def answer(body: Any, status: int = 200, user_token_field: str | None = None) -> Tokens:
    raw = body if isinstance(body, bytes) else orjson.dumps(body)
    found = read(Response(status, {}, raw, URL), ("s3cret",), 1000.5, user_token_field=user_token_field)
    assert found is not None
    return found


@pytest.mark.parametrize(
    ("expires_in", "expires_at"),
    [
        (3600, 4600),
        ("3600", 4600),
        (3600.7, 4600),
        (None, None),
        (0, None),
        (-5, None),
        ("soon", None),
        ("", None),
        (True, None),
        (1e300, None),
        ("inf", None),
        ("nan", None),
        ([1], None),
    ],
)
def test_when_a_token_ends(expires_in: Any, expires_at: int | None) -> None:
    assert answer({"access_token": "a", "expires_in": expires_in}).expires_at == expires_at
    assert answer({"access_token": "a"}).expires_at is None


@pytest.mark.parametrize(
    ("scope", "read_as"),
    [("a b", "a b"), ("a,b, c", "a b c"), (["a", "b"], "a b"), ("", None), (None, None), (7, None), (" ", None)],
)
def test_scopes_are_parted_by_spaces_whatever_parts_them_there(scope: Any, read_as: str | None) -> None:
    assert answer({"access_token": "a", "scope": scope}).scope == read_as


def test_a_form_is_an_answer_too() -> None:
    found = answer(b"access_token=a%2Db&scope=repo%2Cuser&token_type=bearer\n")
    assert (found.access_token, found.scope, found.token_type) == ("a-b", "repo user", "bearer")


def test_what_else_was_said_is_kept() -> None:
    found = answer({"access_token": "a", "instance_url": "https://x.example", "team": {"id": 1}})
    assert found.extra == {"instance_url": "https://x.example", "team": {"id": 1}}


class TestSlack:
    BOT: ClassVar[dict[str, Any]] = {
        "ok": True,
        "access_token": "xoxb",
        "token_type": "bot",
        "scope": "chat:write,users:read",
    }
    PERSON: ClassVar[dict[str, Any]] = {
        "ok": True,
        "authed_user": {"id": "U1", "access_token": "xoxp", "refresh_token": "xoxe", "expires_in": 60, "scope": "a,b"},
    }

    def test_a_bot_s_token_counts_where_there_is_one(self) -> None:
        found = answer({**self.BOT, **self.PERSON, "access_token": "xoxb"}, user_token_field="authed_user.access_token")
        assert (found.access_token, found.refresh_token, found.expires_at) == ("xoxb", None, None)

    def test_else_the_person_s_with_what_belongs_to_it(self) -> None:
        found = answer(self.PERSON, user_token_field="authed_user.access_token")
        assert found == Tokens(
            access_token="xoxp",
            refresh_token="xoxe",
            expires_at=1060,
            scope="a b",
            extra={"ok": True, "authed_user": self.PERSON["authed_user"]},
        )
        with pytest.raises(UpstreamError, match="without an access token"):
            answer(self.PERSON)
        with pytest.raises(UpstreamError, match="without an access token"):
            answer({"ok": True, "authed_user": "?"}, user_token_field="authed_user.access_token")

    def test_no_is_said_with_200(self) -> None:
        with pytest.raises(TokenRefused) as caught:
            answer({"ok": False, "error": "invalid_refresh_token"})
        assert (caught.value.error, caught.value.is_final) == ("invalid_refresh_token", True)


@pytest.mark.parametrize(
    ("status", "body", "error", "final"),
    [
        (400, {"error": "invalid_grant"}, "invalid_grant", True),
        (401, {"error": "invalid_client", "error_description": "no"}, "invalid_client", False),
        (403, {"error": "invalid_grant"}, "invalid_grant", True),
        (400, {"error": "invalid_request"}, "invalid_request", False),
        (400, {"error": "temporarily_unavailable"}, "temporarily_unavailable", False),
        (200, {"error": "bad_verification_code", "error_description": "x"}, "bad_verification_code", False),
        (200, {"error": "bad_refresh_token"}, "bad_refresh_token", True),
        (200, b"error=bad_verification_code&error_description=x", "bad_verification_code", False),
        # HubSpot and Zoho.
        (400, {"status": "BAD_REFRESH_TOKEN", "message": "missing or invalid"}, "BAD_REFRESH_TOKEN", True),
        (200, {"error": "invalid_code"}, "invalid_code", True),
        # Nothing of theirs gets into ours.
        (400, {"error": 'a"b\n'}, "refused", False),
        (400, {"error": "x" * 101}, "refused", False),
        (400, {"error": {"code": "invalid_grant"}}, "invalid_grant", True),
        (200, {"ok": False}, "refused", False),
    ],
)
def test_a_refusal_has_a_code(status: int, body: Any, error: str, final: bool) -> None:
    with pytest.raises(TokenRefused) as caught:
        answer(body, status)
    assert (caught.value.error, caught.value.is_final, caught.value.status) == (error, final, status)
    assert caught.value.message.startswith("platform.example.com refused the token request")


@pytest.mark.parametrize(
    ("status", "body"),
    [
        (500, {"error": "invalid_grant"}),
        (503, {"error": "invalid_grant"}),
        (429, {"error": "invalid_grant"}),
        (400, b"<html>error=x</html>"),
        (404, b""),
        (302, {"error": "invalid_grant_"[:0]}),
        (200, b""),
        (200, []),
        (200, {"access_token": ""}),
        (200, {"access_token": 5}),
        (200, {"access_token": "a b"}),
        (200, {"access_token": "a\nb"}),
        (200, {"access_token": "x" * 20_000}),
        (200, {"access_token": None, "token": "x"}),
    ],
)
def test_anything_else_is_the_platform_s_trouble(status: int, body: Any) -> None:
    with pytest.raises(UpstreamError) as caught:
        answer(body, status)
    assert not isinstance(caught.value, TokenRefused)


def test_secrets_are_blotted_out_of_what_is_said() -> None:
    with pytest.raises(TokenRefused) as caught:
        answer({"error": "s3cret", "error_description": "your s3cret \n is wrong"}, 400)
    assert (caught.value.error, caught.value.description) == ("[secret]", "your [secret] is wrong")


@given(st.binary(max_size=300), st.sampled_from([200, 400, 500]))
def test_no_bytes_do_harm(body: bytes, status: int) -> None:
    with contextlib.suppress(UpstreamError):
        answer(body, status)


JSON = st.recursive(
    st.none() | st.booleans() | st.floats() | st.integers(-(2**60), 2**60) | st.text(max_size=20),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=8), inner, max_size=3),
    max_leaves=8,
)
NAMES = st.sampled_from(
    ["access_token", "refresh_token", "expires_in", "scope", "token_type", "error", "ok", "message"]
)


@given(st.dictionaries(NAMES, JSON))
def test_no_members_do_harm(members: dict[str, Any]) -> None:
    try:
        found = answer(members, user_token_field="scope.x")
    except UpstreamError:
        return
    assert found.access_token.isprintable()
