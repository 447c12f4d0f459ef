"""Token URLs: what a token is bound to, and that nothing else passes for one."""

import base64
import hashlib
import hmac

import pytest
from hypothesis import given
from hypothesis import strategies as st

from gateway.access.tokens import TokenIssuer, new_nonce, redact

KEY = bytes(range(32))
NONCE = b"n" * 16
ANY_TEXT = st.text(st.characters(exclude_categories=[])) | st.text()


def test_the_derivation_is_the_documented_one() -> None:
    # HKDF-SHA256 (RFC 5869) and HMAC by hand: a change of either would void every token URL given out.
    extracted = hmac.digest(b"\0" * 32, KEY, "sha256")
    derived = hmac.digest(extracted, b"toolgate token URL v1\x01", "sha256")
    message = (4).to_bytes(4, "big") + b"srv1" + (16).to_bytes(4, "big") + NONCE
    expected = base64.urlsafe_b64encode(hmac.new(derived, message, hashlib.sha256).digest()).decode().rstrip("=")
    assert TokenIssuer(KEY).issue("srv1", NONCE) == f"mcp_token_{expected}"


def test_a_token_is_bound_to_key_server_and_nonce() -> None:
    issuer = TokenIssuer(KEY)
    token = issuer.issue("srv1", NONCE)
    assert issuer.matches(token, "srv1", NONCE)
    assert not issuer.matches(token, "srv2", NONCE)
    assert not issuer.matches(token, "srv1", b"m" * 16)
    assert not TokenIssuer(bytes(32)).matches(token, "srv1", NONCE)


def test_where_the_id_ends_is_part_of_it() -> None:
    issuer = TokenIssuer(KEY)
    assert issuer.issue("ab", b"c") != issuer.issue("a", b"bc")


@given(st.text(max_size=3), st.binary(max_size=3), st.text(max_size=3), st.binary(max_size=3))
def test_no_two_pairs_share_a_token(server: str, nonce: bytes, other: str, another: bytes) -> None:
    issuer = TokenIssuer(KEY)
    assert issuer.matches(issuer.issue(server, nonce), other, another) is ((server, nonce) == (other, another))


@given(ANY_TEXT, ANY_TEXT)
def test_any_text_is_judged_and_none_passes(token: str, server_id: str) -> None:
    issuer = TokenIssuer(KEY)
    assert not issuer.matches(token, server_id, NONCE)
    assert not issuer.matches("mcp_token_" + token, server_id, NONCE)


@pytest.mark.parametrize("change", ["{}=", "{} ", " {}", "{}A", "{}\u0000", "{}\ud800"])
def test_a_token_has_one_spelling(change: str) -> None:
    issuer = TokenIssuer(KEY)
    token = issuer.issue("srv1", NONCE)
    assert not issuer.matches(change.format(token), "srv1", NONCE)
    assert not issuer.matches(token[:-1], "srv1", NONCE)
    assert not issuer.matches(token.removeprefix("mcp_token_"), "srv1", NONCE)


def test_a_key_of_another_length_is_refused() -> None:
    with pytest.raises(ValueError, match="32 bytes"):
        TokenIssuer(b"short")


def test_nonces_differ() -> None:
    nonces = {new_nonce() for _ in range(100)}
    assert len(nonces) == 100
    assert {len(nonce) for nonce in nonces} == {16}


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("POST /mcp/s-1/{} 200", "POST /mcp/s-1/mcp_token_[redacted] 200"),
        ("{}?x=1 and {}", "mcp_token_[redacted]?x=1 and mcp_token_[redacted]"),
        ('{{"accessUrl": "https://h/mcp/s/{}"}}', '{{"accessUrl": "https://h/mcp/s/mcp_token_[redacted]"}}'),
        ("no token", "no token"),
        ("mcp_token_", "mcp_token_"),
        ("", ""),
    ],
)
def test_redaction(text: str, expected: str) -> None:
    token = TokenIssuer(KEY).issue("srv1", NONCE)
    text, expected = text.format(token, token), expected.format()
    assert redact(text) == expected
    assert redact(redact(text)) == expected


@given(ANY_TEXT, st.binary(max_size=16), ANY_TEXT)
def test_no_token_survives_redaction(before: str, nonce: bytes, after: str) -> None:
    secret = TokenIssuer(KEY).issue("srv1", nonce).removeprefix("mcp_token_")
    assert secret not in redact(f"{before}mcp_token_{secret}{after}")
    assert secret[:-4] not in redact(f"{before}mcp_token_{secret[:-4]}%2D{after}")
