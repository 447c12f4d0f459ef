"""What the audit trail keeps of arguments."""

import base64
import json
import time
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from gateway.catalog.loader import load
from gateway.credentials.model import Secret
from gateway.execution.credential import spellings
from gateway.redacting import MOST, REDACTED, names, values, without_secrets

JWT = "eyJhbGciOiJIUzI1NiJ9.eyJzdWIiOiJqYW5lIn0.c2lnbmF0dXJl"


@pytest.mark.parametrize(
    "name",
    [
        "password",
        "newPassword",
        "pwd",
        "api_key",
        "apiKey",
        "X-API-Key",
        "clientSecret",
        "access_token",
        "Authorization",
        "Cookie",
        "sessionId",
        "private_key",
        "signature",
        "otp",
        "cvv",
        "cardNumber",
    ],
)
@pytest.mark.parametrize("value", ["hunter2", 12345, ["a", "b"], {"inner": "hunter2"}])
def test_what_is_called_a_secret_is_blotted(name: str, value: Any) -> None:
    assert json.loads(values({"body": {name: value}})) == {"body": {name: REDACTED}}


@pytest.mark.parametrize("name", ["title", "keyboard", "author", "passenger", "pinned", "authorId", "compass"])
def test_what_is_not_is_kept(name: str) -> None:
    assert json.loads(values({name: "plain"})) == {name: "plain"}


@pytest.mark.parametrize(
    "text",
    [
        f"Bearer {'a' * 20}",
        JWT,
        "sk_live_" + "a" * 24,
        "ghp_" + "A1" * 18,
        "xoxb-123456789012-abcdef",
        "AKIA" + "A" * 16,
        "AIza" + "b" * 35,
        "tg_" + "x" * 43,
        "mcp_token_" + "y" * 43,
        "-----BEGIN RSA PRIVATE KEY-----\nMIIE\n-----END RSA PRIVATE KEY-----",
    ],
)
def test_what_looks_like_a_credential_is_blotted_wherever_it_stands(text: str) -> None:
    kept = values({"note": f"see {text} here", "list": [text]})
    assert text not in json.loads(kept)["note"]
    assert text.split("\n", maxsplit=1)[0] not in kept
    assert REDACTED in kept


def test_what_the_call_was_made_with_is_blotted() -> None:
    secret = "an-unremarkable-word"
    kept = values({"note": f"{secret}!", secret: 1}, [secret, base64.b64encode(secret.encode()).decode(), ""])
    assert json.loads(kept) == {"note": f"{REDACTED}!", REDACTED: 1}


@pytest.mark.parametrize(
    ("secret", "said"),
    [
        (Secret("bearer", {"token": "Bearer a-plain/word"}), ["Bearer a-plain/word", "a-plain/word", "a-plain%2Fword"]),
        (Secret("bearer", {"token": 'a-"plain"-word'}), ['a-\\"plain\\"-word', "a-%22plain%22-word"]),
        (Secret("basic", {"username": "jane", "password": "pa ss:word"}), ["pa ss:word", "pa%20ss%3Aword"]),
        (
            Secret("basic", {"username": "jane", "password": "pa ss:word"}),
            [base64.b64encode(b"jane:pa ss:word").decode()],
        ),
    ],
)
def test_a_credential_is_blotted_in_the_forms_that_docs_audit_md_names(secret: Secret, said: list[str]) -> None:
    operation = {"operationId": "a", "responses": {"200": {"description": "ok"}}}
    document = {"openapi": "3.0.3", "info": {"title": "X", "version": "1"}, "paths": {"/a": {"get": operation}}}
    connector = load(document, connector_id="x", base_url="https://x.example.com")
    for form in said:
        assert json.loads(values({"note": f"it is {form}."}, spellings(connector, secret))) == {
            "note": f"it is {REDACTED}."
        }


def test_a_password_in_an_address_is_blotted() -> None:
    assert json.loads(values({"url": "https://jane:pw@example.com/x"})) == {"url": f"https://{REDACTED}@example.com/x"}


def test_a_secret_is_not_saved_by_the_cut() -> None:
    kept = values({"note": "x" * 190 + "secretsecret"}, ["secretsecret"])
    assert "secret" not in kept


def test_what_is_long_wide_or_deep_is_cut() -> None:
    deep: Any = "bottom"
    for _ in range(20):
        deep = {"d": deep}
    kept = json.loads(values({"long": "x" * 5_000, "wide": list(range(100)), "deep": deep}))
    assert kept["long"] == "x" * 200 + "... (5000 characters)"
    assert (len(kept["wide"]), kept["wide"][-1]) == (21, "...")
    assert "bottom" not in json.dumps(kept)
    assert json.loads(values({f"n{number}": "y" * 200 for number in range(19)}))["n3"] == "y" * 200
    many = json.loads(values({f"n{number}": ["y" * 200] * 20 for number in range(20)}))
    assert many == {"names": [f"n{number}" for number in range(20)]}


def test_names() -> None:
    asked = {"body": {"title": "secret", "tags": [{"x": 1}], "empty": {}}, "limit": 3}
    assert json.loads(names(asked)) == ["body.title", "body.tags", "body.empty", "limit"]
    assert json.loads(names({})) == []
    assert json.loads(names({f"n{number}": 1 for number in range(200)}))[-1] == "..."


NODES = st.recursive(
    st.one_of(st.none(), st.booleans(), st.integers(), st.floats(), st.text()),
    lambda inner: st.one_of(st.lists(inner, max_size=12), st.dictionaries(st.text(), inner, max_size=12)),
    max_leaves=40,
)


@given(st.dictionaries(st.text(), NODES))
def test_whatever_is_asked_makes_json_that_is_not_too_long(arguments: dict[str, Any]) -> None:
    for kept in (names(arguments), values(arguments, ["s"])):
        json.loads(kept)
        assert len(kept.encode()) <= MOST
    assert isinstance(json.loads(names(arguments)), list)
    assert isinstance(json.loads(values(arguments)), dict)


@pytest.mark.parametrize("text", ["eyJ" * 300_000, "eyJ" * 20 + "-" * 300_000, "token " * 50_000, "a." * 150_000])
def test_no_text_takes_long_to_search(text: str) -> None:
    begun = time.process_time()
    without_secrets(text)
    values({f"k{one}": {f"l{two}": text for two in range(20)} for one in range(20)})
    # It took minutes, or never ended; collecting the garbage of other tests may take a second.
    assert time.process_time() - begun < 5


@pytest.mark.parametrize("before", ["", "=", "%3D", "x", "eyJ", "eyJ-eyJ", '{"t":"', "Authorization:"])
def test_a_jwt_is_found_behind_whatever_it_stands(before: str) -> None:
    assert JWT not in without_secrets(f"{before}{JWT} after")
    assert without_secrets(f"{before}{JWT} after").endswith(f"{REDACTED} after")
