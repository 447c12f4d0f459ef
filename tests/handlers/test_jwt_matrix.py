"""Every JWT that must not count, at every door where one could: each cell over the running service.

The columns are the doors; the rows, the ways in which a token is wrong. What is right opens all of them, or the table
proved nothing.
"""

import base64
import concurrent.futures
import hmac
import json
import time
import uuid
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import Any

import httpx
import pytest
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat
from jwt.algorithms import ECAlgorithm, RSAAlgorithm

from support.issuer import Issuer, b64, issuing, jwk, pem, rsa_key
from support.jwts import token
from support.service import JWT_SECRET, Service, serving

AUDIENCE = "toolgate"
MINE = rsa_key()
EC256, EC384 = ec.generate_private_key(ec.SECP256R1()), ec.generate_private_key(ec.SECP384R1())
PING = {"jsonrpc": "2.0", "method": "ping", "id": 1}
# One for all: to make one takes longer than what is tested.
CLIENT = httpx.Client(trust_env=False, timeout=30)


@dataclass
class World:
    service: Service
    issuer: Issuer
    server: dict[str, Any]

    def claims(self, **more: Any) -> dict[str, Any]:
        """What a token has to say; None leaves something out."""
        given = {"iss": self.issuer.url, "aud": AUDIENCE, "sub": "admin", "exp": int(time.time()) + 300, **more}
        return {name: value for name, value in given.items() if value is not None}

    def good(self, **more: Any) -> str:
        return self.issuer.token("admin", aud=AUDIENCE, **more)


@pytest.fixture(scope="module")
def world(tmp_path_factory: pytest.TempPathFactory) -> Iterator[World]:
    with issuing() as issuer:
        issuer.keys |= {"e1": EC256}
        settings = {
            "TOOLGATE_JWT_ISSUER": issuer.url,
            "TOOLGATE_JWT_AUDIENCE": AUDIENCE,
            "TOOLGATE_JWT_JWKS_URL": issuer.jwks_url,
        }
        with serving(tmp_path_factory.mktemp("matrix"), **settings) as service:
            made = service.client().post("/api/servers", json={"name": "one"})
            yield World(service, issuer, made.json())


def _get(world: World, **headers: str) -> httpx.Response:
    return CLIENT.get(f"{world.service.url}/api/servers", headers=headers)


def _ping(world: World, url: str, **headers: str) -> httpx.Response:
    return CLIENT.post(world.server[url], json=PING, headers=headers)


DOORS: dict[str, Callable[[World, str], httpx.Response]] = {
    "REST, bearer": lambda world, token: _get(world, Authorization=f"Bearer {token}"),
    "REST, header": lambda world, token: _get(world, **{"x-alloy-user-token": token}),
    "REST, beside a key": lambda world, token: _get(
        world, **{"x-alloy-user-token": token, "Authorization": f"Bearer {world.service.key}"}
    ),
    "MCP, bearer": lambda world, token: _ping(world, "url", Authorization=f"Bearer {token}"),
    "MCP, header": lambda world, token: _ping(world, "url", **{"x-alloy-user-token": token}),
    "MCP, beside a key": lambda world, token: _ping(
        world, "url", **{"x-alloy-user-token": token, "Authorization": f"Bearer {world.service.key}"}
    ),
    "token URL": lambda world, token: _ping(world, "accessUrl", **{"x-alloy-user-token": token}),
}


def signed(header: Any, payload: Any, sign: Callable[[bytes], bytes]) -> str:
    """A token made by hand, so that its parts may be anything: objects, or the bytes themselves."""
    parts = (part if isinstance(part, bytes) else json.dumps(part).encode() for part in (header, payload))
    text = ".".join(b64(part) for part in parts)
    return f"{text}.{b64(sign(text.encode()))}"


def with_secret(secret: bytes | str) -> Callable[[bytes], bytes]:
    key = secret.encode() if isinstance(secret, str) else secret
    return lambda data: hmac.digest(key, data, "sha256")


def with_key(key: Any) -> Callable[[bytes], bytes]:
    """RS256 or ES256, by the key; the latter with whatever curve it has."""
    if isinstance(key, ec.EllipticCurvePrivateKey):
        return lambda data: ECAlgorithm(ECAlgorithm.SHA256).sign(data, key)
    return lambda data: RSAAlgorithm(RSAAlgorithm.SHA256).sign(data, key)


def hs(world: World, header: dict[str, Any] | None = None, **more: Any) -> str:
    return signed({"alg": "HS256"} | (header or {}), world.claims(**more), with_secret(JWT_SECRET))


def rs(world: World, header: dict[str, Any], key: Any = None, **more: Any) -> str:
    return signed({"alg": "RS256"} | header, world.claims(**more), with_key(key or world.issuer.keys["r1"]))


def public(world: World, form: str) -> bytes:
    """The published RSA key in a spelling that somebody could have put into a verifier as its secret."""
    key = world.issuer.keys["r1"]
    der = key.public_key().public_bytes(Encoding.DER, PublicFormat.SubjectPublicKeyInfo)
    return {
        "PEM": pem(key).encode(),
        "PEM without its last line break": pem(key).strip().encode(),
        "PEM with CRLF": pem(key).replace("\n", "\r\n").encode(),
        "PKCS1": key.public_key().public_bytes(Encoding.PEM, PublicFormat.PKCS1),
        "DER": der,
        "base64 of DER": base64.b64encode(der),
        "JWK": json.dumps(jwk(key, "r1")).encode(),
        "JWK, compact": json.dumps(jwk(key, "r1"), separators=(",", ":")).encode(),
        "JWK set": world.issuer.jwks(),
        "modulus": jwk(key, None)["n"].encode(),
    }[form]


def confused(form: str, **header: Any) -> Callable[[World], str]:
    return lambda world: signed({"alg": "HS256", **header}, world.claims(), with_secret(public(world, form)))


FORMS = (
    *("PEM", "PEM without its last line break", "PEM with CRLF", "PKCS1", "DER"),
    *("base64 of DER", "JWK", "JWK, compact", "JWK set", "modulus"),
)
NONE = ("none", "None", "NONE", "nOnE", "none ", " none", "", "null", "hs256", "HS-256", "HS256 ")
MINE_JWK = jwk(MINE, "mine")
FOREIGN: dict[str, dict[str, Any]] = {
    "jwk": {"jwk": MINE_JWK},
    "jwk with a known kid": {"jwk": MINE_JWK, "kid": "r1"},
    "jku": {"jku": "http://127.0.0.1:9/jwks.json", "kid": "mine"},
    "x5u": {"x5u": "http://127.0.0.1:9/cert.pem", "kid": "mine"},
    "x5c": {"x5c": [base64.b64encode(b"certificate").decode()], "kid": "mine"},
    "x5t": {"x5t": b64(b"0" * 20), "kid": "mine"},
}
BAD: dict[str, Callable[[World], str]] = {
    **{f"alg confusion, {form}": confused(form) for form in FORMS},
    **{f"alg confusion with kid, {form}": confused(form, kid="r1") for form in FORMS},
    **{
        f"alg {alg!r}, unsigned": lambda world, alg=alg: signed({"alg": alg}, world.claims(), lambda _: b"")  # type: ignore[misc]  # the loop's own
        for alg in (*NONE, None, 0, [], {}, ["none"])
    },
    **{
        f"alg {alg!r}, signed with the secret": lambda world, alg=alg: signed(  # type: ignore[misc]  # as above
            {"alg": alg}, world.claims(), with_secret(JWT_SECRET)
        )
        for alg in (*NONE, "HS384", "HS512", "RS256", "ES256", "A256KW", "dir")
    },
    "no alg": lambda world: signed({"typ": "JWT"}, world.claims(), with_secret(JWT_SECRET)),
    "an empty secret": lambda world: signed({"alg": "HS256"}, world.claims(), with_secret(b"")),
    "a short secret": lambda world: signed({"alg": "HS256"}, world.claims(), with_secret(b"secret")),
    "the beginning of the secret": lambda world: signed({"alg": "HS256"}, world.claims(), with_secret(JWT_SECRET[:-1])),
    "a padded secret": lambda world: signed({"alg": "HS256"}, world.claims(), with_secret(JWT_SECRET + " ")),
    "no signature": lambda world: hs(world).rpartition(".")[0] + ".",
    "two parts": lambda world: hs(world).rpartition(".")[0],
    "four parts": lambda world: hs(world) + ".x",
    "five parts, as JWE has": lambda world: hs(world) + ".x.y",
    "another's signature": lambda world: f"{hs(world).rpartition('.')[0]}.{hs(world, sub='x').rpartition('.')[2]}",
    # Who it is from and for.
    "wrong issuer": lambda world: world.good(iss="https://evil.example.com"),
    "no issuer": lambda world: world.good(iss=None),
    "issuer with a slash": lambda world: world.good(iss=world.issuer.url + "/"),
    "issuer in capitals": lambda world: hs(world, iss=world.issuer.url.upper()),
    "issuer in a list": lambda world: hs(world, iss=[world.issuer.url]),
    "wrong audience": lambda world: hs(world, aud="somebody"),
    "no audience": lambda world: hs(world, aud=None),
    "audience null": lambda world: signed({"alg": "HS256"}, world.claims() | {"aud": None}, with_secret(JWT_SECRET)),
    "audiences of others": lambda world: hs(world, aud=["a", "b"]),
    "no audiences": lambda world: hs(world, aud=[]),
    "audience in an audience": lambda world: hs(world, aud=[[AUDIENCE]]),
    "audience as a name": lambda world: hs(world, aud={AUDIENCE: 1}),
    "audience in capitals": lambda world: hs(world, aud=AUDIENCE.upper()),
    "audience of a server": lambda world: hs(world, aud=world.server["url"]),
    # When.
    "expired": lambda world: hs(world, exp=int(time.time()) - 60),
    "expired in 1970": lambda world: hs(world, exp=0),
    "no exp": lambda world: hs(world, exp=None),
    "exp as text": lambda world: hs(world, exp=str(int(time.time()) + 60)),
    "exp as a truth": lambda world: hs(world, exp=True),
    "exp without end": lambda world: signed(
        {"alg": "HS256"}, json.dumps(world.claims(exp=0)).replace(": 0", ": 1e999").encode(), with_secret(JWT_SECRET)
    ),
    "nbf in the future": lambda world: hs(world, nbf=int(time.time()) + 60),
    "nbf far in the future": lambda world: hs(world, nbf=10**12),
    "nbf as text": lambda world: hs(world, nbf="0"),
    "iat in the future": lambda world: hs(world, iat=int(time.time()) + 60),
    "iat far in the future": lambda world: hs(world, iat=10**12),
    "iat as text": lambda world: hs(world, iat="0"),
    # Which key.
    "unknown kid": lambda world: rs(world, {"kid": "nobody"}),
    "kid as a number": lambda world: rs(world, {"kid": 1}),
    "kid null": lambda world: rs(world, {"kid": None}, key=MINE),
    "kid of the other kind": lambda world: rs(world, {"kid": "e1"}),
    "kid as a path": lambda world: rs(world, {"kid": "../../etc/passwd"}),
    "kid as SQL": lambda world: rs(world, {"kid": "r1' OR '1'='1"}),
    "a known kid, another's key": lambda world: rs(world, {"kid": "r1"}, key=MINE),
    "PS256 with an RSA key": lambda world: rs(world, {"kid": "r1", "alg": "PS256"}),
    "RS512 with an RSA key": lambda world: rs(world, {"kid": "r1", "alg": "RS512"}),
    "ES256 on the wrong curve": lambda world: signed({"alg": "ES256", "kid": "e1"}, world.claims(), with_key(EC384)),
    "ES384": lambda world: signed({"alg": "ES384", "kid": "e1"}, world.claims(), with_key(EC384)),
    "ES256 with zeros": lambda world: signed({"alg": "ES256", "kid": "e1"}, world.claims(), lambda _: bytes(64)),
    "RS256 with zeros": lambda world: signed({"alg": "RS256", "kid": "r1"}, world.claims(), lambda _: bytes(256)),
    **{
        f"a key of its own, {name}": lambda world, header=header: rs(world, header, key=MINE)  # type: ignore[misc]  # as above
        for name, header in FOREIGN.items()
    },
    # What it looks like.
    "crit": lambda world: hs(world, {"crit": ["exp"], "exp": 1}),
    "crit of nothing": lambda world: hs(world, {"crit": []}),
    "crit of b64": lambda world: hs(world, {"crit": ["b64"], "b64": False}),
    "zip": lambda world: signed({"alg": "HS256", "zip": "DEF"}, b"x\x9c", with_secret(JWT_SECRET)),
    "alg twice": lambda world: signed(b'{"alg": "none", "alg": "HS256"}', world.claims(), with_secret(JWT_SECRET)),
    "sub twice": lambda world: signed(
        {"alg": "HS256"},
        json.dumps(world.claims()).replace('"sub": "admin"', '"sub": "x", "sub": "admin"').encode(),
        with_secret(JWT_SECRET),
    ),
    "exp twice": lambda world: signed(
        {"alg": "HS256"}, json.dumps(world.claims()).replace("{", '{"exp": 1, ', 1).encode(), with_secret(JWT_SECRET)
    ),
    "too long": lambda world: hs(world, pad="x" * 13_000),
    "a header of many levels": lambda world: signed(
        b'{"alg": "HS256", "x": ' + b"[" * 4_000 + b"]" * 4_000 + b"}", world.claims(), with_secret(JWT_SECRET)
    ),
    "claims of many levels": lambda world: signed(
        {"alg": "HS256"}, b'{"x": ' + b"[" * 4_000 + b"]" * 4_000 + b"}", with_secret(JWT_SECRET)
    ),
    "claims that are a list": lambda world: signed({"alg": "HS256"}, [world.claims()], with_secret(JWT_SECRET)),
    "claims that are no UTF-8": lambda world: signed({"alg": "HS256"}, b"\xff\xfe{", with_secret(JWT_SECRET)),
    "a header that is a list": lambda world: signed(["HS256"], world.claims(), with_secret(JWT_SECRET)),
    # Whom it names.
    "sub as a number": lambda world: hs(world, sub=7),
    "sub as a list": lambda world: hs(world, sub=["admin"]),
    "sub null": lambda world: signed({"alg": "HS256"}, world.claims() | {"sub": None}, with_secret(JWT_SECRET)),
    "no sub": lambda world: hs(world, sub=None),
    "empty sub": lambda world: hs(world, sub=""),
    "sub me": lambda world: hs(world, sub="me"),
    "userId empty beside sub": lambda world: hs(world, userId=""),
    "userId me beside sub": lambda world: hs(world, userId="me"),
    "userId a number beside sub": lambda world: hs(world, userId=7),
    "userId null beside sub": lambda world: signed(
        {"alg": "HS256"}, world.claims() | {"userId": None}, with_secret(JWT_SECRET)
    ),
    "userId with NUL": lambda world: hs(world, userId="a\0"),
}
GOOD: dict[str, Callable[[World], str]] = {
    "HS256": hs,
    "RS256": lambda world: world.good(),
    "ES256": lambda world: world.good(kid="e1"),
    "RS256 without kid": lambda world: rs(world, {}),
    "aud in a list": lambda world: hs(world, aud=["other", AUDIENCE]),
    "userId before sub": lambda world: hs(world, userId="admin", sub="somebody else"),
    "a key of its own that does not count": lambda world: rs(
        world, {"kid": "r1", "jwk": MINE_JWK, "jku": "http://127.0.0.1:9"}
    ),
    "clocks apart": lambda world: hs(world, nbf=int(time.time()) + 5, iat=int(time.time()) + 5),
}


@pytest.mark.parametrize("door", DOORS.values(), ids=DOORS)
@pytest.mark.parametrize("make", GOOD.values(), ids=GOOD)
def test_what_is_right_opens_every_door(world: World, make: Any, door: Any) -> None:
    answer = door(world, make(world))
    assert (answer.status_code, answer.headers["x-alloy-userid"]) == (200, "admin")


@pytest.mark.parametrize("make", BAD.values(), ids=BAD)
def test_what_is_wrong_opens_none(world: World, make: Callable[[World], str]) -> None:
    token = make(world)
    for name, door in DOORS.items():
        answer = door(world, token)
        assert (answer.status_code, answer.json()["error"]["code"]) == (401, "UNAUTHORIZED"), name
        assert 'error="invalid_token"' in answer.headers["www-authenticate"], name
        assert "x-alloy-userid" not in answer.headers, name
        # Not a piece of what was shown comes back.
        assert len(token) < 30 or token[-30:] not in answer.text, name


def test_what_is_wrong_makes_no_user(world: World) -> None:
    user = f"nobody-{uuid.uuid4().hex}"
    for bad in (hs(world, userId=user, exp=1), hs(world, userId=user, aud="x"), rs(world, {"kid": "x"}, sub=user)):
        for door in DOORS.values():
            assert door(world, bad).status_code == 401
    assert user not in world.service.client().get("/users", params={"limit": 1000}).text


def test_two_keys_of_a_kind_need_a_kid(tmp_path: Any) -> None:
    with issuing() as issuer:
        issuer.keys["r2"] = MINE
        settings = {"TOOLGATE_JWT_SECRET": "", "TOOLGATE_JWT_JWKS_URL": issuer.jwks_url}
        with serving(tmp_path, **settings) as service:
            world = World(service, issuer, {})
            assert [status(world, rs(world, {}, key=key)) for key in (None, MINE)] == [401, 401]
            assert [status(world, rs(world, {"kid": "r2"}, key=key)) for key in (None, MINE)] == [401, 200]


# --- the JWK set


@pytest.fixture
def fresh(service: Service) -> Iterator[World]:
    """An issuer that the service has not asked for its keys yet."""
    with issuing() as issuer:
        body = {"issuer": issuer.url, "algorithm": "RS256", "jwksUrl": issuer.jwks_url}
        made = service.client().post("/accounts/default/jwt-issuers", json=body).json()
        yield World(service, issuer, {})
        service.client().delete(f"/accounts/default/jwt-issuers/{made['issuerId']}")


def status(world: World, token: str) -> int:
    return _get(world, Authorization=f"Bearer {token}").status_code


def test_a_herd_makes_one_fetch(fresh: World) -> None:
    fresh.issuer.delay = 0.5
    tokens = [fresh.issuer.token(jti=str(number)) for number in range(30)]
    with concurrent.futures.ThreadPoolExecutor(30) as pool:
        assert set(pool.map(lambda token: status(fresh, token), tokens)) == {200}
    assert fresh.issuer.fetches == 1


def test_rotation(fresh: World) -> None:
    assert status(fresh, fresh.issuer.token()) == 200
    fresh.issuer.keys = {"r2": MINE}
    # A new key counts at once; invented ones cannot make us ask again and again.
    assert status(fresh, fresh.issuer.token(kid="r2")) == 200
    assert fresh.issuer.fetches == 2
    assert {status(fresh, fresh.issuer.token(key=MINE, kid=f"invented-{number}")) for number in range(20)} == {401}
    assert fresh.issuer.fetches == 2
    # The set was read anew: the key that is gone from it counts no more.
    fresh.issuer.keys["r1"] = rsa_key()
    assert status(fresh, fresh.issuer.token(kid="r1")) == 401


ANSWERS: dict[str, tuple[int, bytes]] = {
    "500": (500, b"{}"),
    "404 with keys": (404, b'{"keys": []}'),
    "no JSON": (200, b"<html>"),
    "no set": (200, b"[]"),
    "too many bytes": (200, b'{"keys": []}' + b" " * 300_000),
    "far too many bytes": (200, b" " * 30_000_000),
    "nothing": (200, b""),
    "levels": (200, b'{"keys": ' + b"[" * 100_000),
}


@pytest.mark.parametrize("answer", ANSWERS.values(), ids=ANSWERS)
def test_an_outage(fresh: World, answer: tuple[int, bytes]) -> None:
    """Without any keys it is 503; with keys that came before, these go on."""
    good = fresh.issuer.token()
    fresh.issuer.answer = answer
    refused = _get(fresh, Authorization=f"Bearer {good}")
    assert (refused.status_code, refused.json()["error"]["code"]) == (503, "UNAVAILABLE")
    fetches = fresh.issuer.fetches
    assert {status(fresh, fresh.issuer.token(jti=str(number))) for number in range(10)} == {503}
    assert fresh.issuer.fetches == fetches
    # Others do not depend on this one.
    assert status(fresh, token()) == 200


def test_keys_that_came_before_go_on(fresh: World) -> None:
    assert status(fresh, fresh.issuer.token()) == 200
    fresh.issuer.answer = (500, b"")
    assert status(fresh, fresh.issuer.token(jti="2")) == 200
    # An unknown key has the set asked for, in vain; the known one still counts.
    assert status(fresh, fresh.issuer.token(key=MINE, kid="r1")) == 401
    assert status(fresh, rs(fresh, {"kid": "r9"})) == 401
    assert status(fresh, fresh.issuer.token(jti="3")) == 200


def test_a_set_behind_a_private_address_is_not_fetched(tmp_path: Any) -> None:
    with issuing() as issuer:
        settings = {"TOOLGATE_JWT_JWKS_URL": issuer.jwks_url, "TOOLGATE_EGRESS_ALLOW": ""}
        with serving(tmp_path, **settings) as service:
            assert status(World(service, issuer, {}), issuer.token()) == 503
            assert issuer.fetches == 0
            assert "The JWK set of 'TOOLGATE_JWT_JWKS_URL' cannot be fetched" in service.log()
