"""What browsers send: forms, and queries in which anything may stand."""

import pytest

from gateway.errors import InvalidRequest, PayloadTooLarge, UnsupportedMediaType
from gateway.http.bodies import check_content_type, check_length, parse_form
from gateway.http.browsers import Browsers
from gateway.http.parameters import Parameters

FORM = "application/x-www-form-urlencoded"
ANY = {"name": "answer", "in": "query", "schema": {"type": "object", "additionalProperties": {"maxLength": 3}}}
ONE = {"name": "state", "in": "query", "schema": {"type": "string"}}


@pytest.mark.parametrize(
    ("body", "fields"),
    [(b"", {}), (b"a=1&b=", {"a": "1", "b": ""}), (b"a=%C3%A9+x", {"a": "\u00e9 x"}), (b"a", {"a": ""})],
)
def test_a_form(body: bytes, fields: dict[str, str]) -> None:
    assert parse_form(body) == fields


@pytest.mark.parametrize("body", [b"a=%ff", b"\xff=1", b"a=1&a=2", b"&".join(b"a%d=1" % n for n in range(101))])
def test_a_form_that_is_none(body: bytes) -> None:
    with pytest.raises(InvalidRequest):
        parse_form(body)


def test_types() -> None:
    check_content_type(b"application/x-www-form-urlencoded; charset=UTF-8", FORM)
    for wrong in (None, b"application/json", b"multipart/form-data"):
        with pytest.raises(UnsupportedMediaType):
            check_content_type(wrong, FORM)
    with pytest.raises(PayloadTooLarge, match="16 KB"):
        check_length(b"20000", 16384)


def test_an_object_takes_what_is_not_declared() -> None:
    parameters = Parameters([ANY, ONE], {"answer", "state"})
    assert parameters.read({}, b"state=abcd&code=x&b=", []) == {"state": "abcd", "answer": {"code": "x", "b": ""}}
    assert parameters.read({}, b"", []) == {"state": None, "answer": {}}
    for wrong in (b"code=abcd", b"a=1&a=2", b"a=%ff"):
        with pytest.raises(InvalidRequest):
            parameters.read({}, wrong, [])


@pytest.mark.parametrize(
    ("header", "expected"),
    [
        (f"toolgate-sign-in={'a' * 43}", "a" * 43),
        (f"x=1; toolgate-sign-in={'a' * 43}; y=2", "a" * 43),
        (f"toolgate-sign-in={'a' * 43}; toolgate-sign-in={'a' * 43}", "a" * 43),
        # Somebody has set a second one: neither is taken.
        (f"toolgate-sign-in={'a' * 43}; toolgate-sign-in={'b' * 43}", None),
        (f"__Host-toolgate-sign-in={'a' * 43}", None),
        ("toolgate-sign-in=short", None),
        ("toolgate-sign-in", None),
        ("", None),
    ],
)
def test_the_cookie(header: str, expected: str | None) -> None:
    browsers = Browsers("http://127.0.0.1:3000")
    assert browsers.read({b"cookie": header.encode()}) == expected
    cookie, (said,) = browsers.named({b"cookie": header.encode()})
    assert f"={cookie};".encode() in said[1]
    assert (cookie == expected) == (expected is not None)
