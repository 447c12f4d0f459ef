"""The secrets of a sign-in."""

from base64 import urlsafe_b64decode, urlsafe_b64encode

import pytest
from hypothesis import given
from hypothesis import strategies as st

from gateway.credentials.oauth.proofs import Proofs, challenge, digest, is_cookie, new_cookie, new_verifier

PROOFS = Proofs(b"k" * 32)


def test_a_proof_is_for_one_thing() -> None:
    proof = PROOFS.issue("state", ("a", "b"))
    assert len(proof) == 64
    assert PROOFS.matches(proof, "state", ("a", "b"))
    assert proof != PROOFS.issue("state", ("a", "b"))
    for purpose, bound in (("link", ("a", "b")), ("state", ("ab",)), ("state", ("a", "b", "")), ("state", ("b", "a"))):
        assert not PROOFS.matches(proof, purpose, bound)
    assert not Proofs(b"l" * 32).matches(proof, "state", ("a", "b"))


@pytest.mark.parametrize("place", [0, 15, 16, 47])
def test_every_byte_counts(place: int) -> None:
    raw = bytearray(urlsafe_b64decode(PROOFS.issue("state", ())))
    raw[place] ^= 1
    assert not PROOFS.matches(urlsafe_b64encode(raw).decode(), "state", ())


@given(st.text())
def test_any_text_is_no_proof(text: str) -> None:
    assert not PROOFS.matches(text, "state", ())
    assert len(digest(text)) == 32


def test_the_challenge_of_rfc_7636() -> None:
    # Appendix B.
    assert challenge("dBjftJeZ4CVP-mB92K27uhbUJU1p1r_wW1gFWFOEjXk") == "E9Melhoa2OwvFrEMTJguCHaoeK1t8URWbuGJSstw-cM"
    assert 43 <= len(new_verifier()) <= 128


def test_cookies() -> None:
    assert is_cookie(new_cookie())
    assert not is_cookie(new_cookie() + "\n")
    assert not is_cookie("")
