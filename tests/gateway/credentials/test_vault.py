"""The vault: what is sealed opens in its own row, with its own key, whole, and not otherwise."""

from typing import Any

import pytest
from cryptography.hazmat.primitives.ciphers.aead import AESGCM
from hypothesis import given
from hypothesis import strategies as st

from gateway.credentials.vault import Vault, VaultError
from gateway.secrets import KeyRing

ROW = ("default", "ann", "slack", "c1")
VAULT = Vault(KeyRing({"new": b"n" * 32, "old": b"o" * 32}))
TEXT = st.text(st.characters(exclude_categories=[]), max_size=4)


def refused(sealed: bytes, key_name: str = "new", row: Any = ROW, vault: Vault = VAULT) -> VaultError:
    with pytest.raises(VaultError) as caught:
        vault.open(sealed, key_name, row)
    assert caught.value.body()["error"]["code"] == "INTERNAL_ERROR"
    return caught.value


@given(st.binary(max_size=200), st.lists(TEXT, max_size=4))
def test_what_is_sealed_opens(plaintext: bytes, row: list[str]) -> None:
    sealed, name = VAULT.seal(plaintext, row)
    assert name == "new"
    assert VAULT.open(sealed, name, row) == plaintext
    assert len(sealed) == 12 + len(plaintext) + 16


def test_the_plaintext_is_not_to_be_seen_and_no_seal_is_like_another() -> None:
    seals = {VAULT.seal(b"a secret of some length", ROW)[0] for _ in range(100)}
    assert len({sealed[:12] for sealed in seals}) == 100
    assert not any(b"secret" in sealed for sealed in seals)


@given(st.lists(TEXT, max_size=3), st.lists(TEXT, max_size=3))
def test_no_two_rows_are_the_same_to_it(row: list[str], other: list[str]) -> None:
    sealed, name = VAULT.seal(b"secret", row)
    if row == other:
        assert VAULT.open(sealed, name, other) == b"secret"
    else:
        refused(sealed, name, other)


@pytest.mark.parametrize(
    "row", [("defaulta", "nn", "slack", "c1"), ROW[:3], (*ROW, ""), ROW[::-1], ("defaultannslackc1",)]
)
def test_where_a_part_ends_is_part_of_the_row(row: tuple[str, ...]) -> None:
    refused(VAULT.seal(b"secret", ROW)[0], row=row)


def test_what_is_at_rest_has_the_documented_form() -> None:
    """By hand: a change of the form would shut every credential that is stored."""
    nonce, bound_to = b"0123456789ab", b"\0\0\0\7default" + b"\0\0\0\2\xc3\xa4"
    sealed = nonce + AESGCM(b"o" * 32).encrypt(nonce, b"secret", bound_to)
    assert VAULT.open(sealed, "old", ["default", "ä"]) == b"secret"


def test_each_byte_counts() -> None:
    sealed, _ = VAULT.seal(b"secret", ROW)
    for position in range(len(sealed)):
        changed = bytearray(sealed)
        changed[position] ^= 1
        refused(bytes(changed))
    for length in range(len(sealed)):
        refused(sealed[:length])
    refused(sealed + b"\0")


def test_an_older_key_still_opens_and_no_longer_seals() -> None:
    sealed, name = Vault(KeyRing({"old": b"o" * 32})).seal(b"secret", ROW)
    assert name == "old"
    assert VAULT.open(sealed, "old", ROW) == b"secret"
    assert "belongs to another row or another key" in str(refused(sealed, "new"))


def test_an_unknown_key_is_named_to_the_operator_and_not_to_the_caller() -> None:
    error = refused(VAULT.seal(b"secret", ROW)[0], "lost")
    assert "'lost'" in str(error)
    assert "lost" not in error.message


def test_the_key_itself_is_what_matters() -> None:
    refused(VAULT.seal(b"secret", ROW)[0], vault=Vault(KeyRing({"new": b"x" * 32})))
