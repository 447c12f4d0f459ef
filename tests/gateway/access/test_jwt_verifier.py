"""JWTs: what is accepted, and the many things that are not."""

import asyncio
import base64
import hashlib
import hmac
import json
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import jwt
import pytest
from cryptography.hazmat.primitives.asymmetric import ec, rsa
from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat
from hypothesis import given, settings
from hypothesis import strategies as st

from gateway.access import jwt as verifier_module
from gateway.access.jwt import JwtVerifier
from gateway.access.proofs import of_settings
from gateway.errors import InsufficientScope, Unauthorized, Unavailable
from gateway.settings import Settings, SettingsError

NOW = 1_800_000_000
SECRET = "a secret that is long enough for HS256"
URL = "https://issuer.example.com/jwks.json"

RSA_KEY = rsa.generate_private_key(public_exponent=65537, key_size=2048)
NEXT_RSA_KEY = rsa.generate_private_key(public_exponent=65537, key_size=2048)
EC_KEY = ec.generate_private_key(ec.SECP256R1())
RSA_PEM = RSA_KEY.public_key().public_bytes(Encoding.PEM, PublicFormat.SubjectPublicKeyInfo)
RSA_DER = RSA_KEY.public_key().public_bytes(Encoding.DER, PublicFormat.SubjectPublicKeyInfo)


def b64(data: bytes) -> str:
    return base64.urlsafe_b64encode(data).decode().rstrip("=")


def rsa_jwk(key: rsa.RSAPrivateKey, kid: str | None = "r1", **more: Any) -> dict[str, Any]:
    numbers = key.public_key().public_numbers()
    jwk = {"kty": "RSA", "n": b64(numbers.n.to_bytes(256, "big")), "e": b64(numbers.e.to_bytes(3, "big"))}
    return jwk | ({} if kid is None else {"kid": kid}) | more


def ec_jwk(key: ec.EllipticCurvePrivateKey, kid: str = "e1", **more: Any) -> dict[str, Any]:
    numbers = key.public_key().public_numbers()
    x, y = (b64(n.to_bytes(32, "big")) for n in (numbers.x, numbers.y))
    return {"kty": "EC", "crv": "P-256", "x": x, "y": y, "kid": kid} | more


def claims(**more: Any) -> dict[str, Any]:
    return {"userId": "ann", "exp": NOW + 3600} | more


def hs256(payload: Any, key: bytes = SECRET.encode(), header: Any = None) -> str:
    """Signed by hand, so that payloads and headers may be anything."""
    parts = [json.dumps(header or {"alg": "HS256", "typ": "JWT"}).encode()]
    parts.append(payload if isinstance(payload, bytes) else json.dumps(payload).encode())
    signed = ".".join(b64(part) for part in parts)
    return f"{signed}.{b64(hmac.digest(key, signed.encode(), 'sha256'))}"


def rs256(payload: dict[str, Any] | None = None, key: rsa.RSAPrivateKey = RSA_KEY, kid: str | None = "r1") -> str:
    return jwt.encode(payload or claims(), key, "RS256", headers=None if kid is None else {"kid": kid})


@dataclass
class World:
    """A clock that stands until it is moved, and an issuer whose key set may be changed, broken or slow."""

    keys: list[Any] = field(default_factory=lambda: [rsa_jwk(RSA_KEY), ec_jwk(EC_KEY)])
    body: bytes | None = None
    failure: Exception | None = None
    now: float = NOW
    fetches: list[str] = field(default_factory=list)
    gate: asyncio.Event | None = None

    async def fetch(self, url: str) -> bytes:
        self.fetches.append(url)
        if self.gate is not None:
            await self.gate.wait()
        if self.failure is not None:
            raise self.failure
        return json.dumps({"keys": self.keys}).encode() if self.body is None else self.body

    def verifier(self, **given: Any) -> JwtVerifier:
        given = {"jwt_secret": SECRET, "jwt_jwks_url": URL} | given
        configured = Settings(data_dir=Path("unused"), **given)
        return of_settings(configured, self.fetch, clock=lambda: self.now, monotonic=lambda: self.now)


@pytest.fixture
def world() -> World:
    return World()


async def refusal(verifier: JwtVerifier, token: str) -> str:
    with pytest.raises((Unauthorized, Unavailable)) as caught:
        await verifier.verify(token)
    # Whose keys cannot be had says nothing against the token, and nothing for it.
    assert isinstance(caught.value, Unavailable) is ("cannot be fetched" in caught.value.message)
    # No part of a token or of a secret may come back in a sentence.
    assert SECRET not in str(caught.value.body())
    assert not token or len(token) < 20 or token[-20:] not in str(caught.value.body())
    return caught.value.message


# --- accepted


@pytest.mark.parametrize(
    "token",
    [
        hs256(claims()),
        rs256(),
        jwt.encode(claims(), EC_KEY, "ES256", headers={"kid": "e1"}),
        # Without a kid, when there is one key of its kind.
        rs256(kid=None),
    ],
)
async def test_each_algorithm(world: World, token: str) -> None:
    proved = await world.verifier().verify(token)
    assert proved.user_id == "ann"
    assert dict(proved.claims) == claims()
    assert "exp" not in repr(proved)


@pytest.mark.parametrize(
    ("given", "user_id"),
    [
        ({"userId": "ann", "sub": "bob"}, "ann"),
        ({"sub": "bob"}, "bob"),
        ({"userId": "ж"}, "ж"),
        ({"userId": "a" * 10_000}, "a" * 10_000),
    ],
)
async def test_the_user_is_in_userid_or_else_in_sub(world: World, given: Any, user_id: str) -> None:
    assert (await world.verifier().verify(hs256({"exp": NOW + 60} | given))).user_id == user_id


@pytest.mark.parametrize(
    "given",
    [
        {},
        {"userId": None, "sub": "bob"},
        {"userId": "", "sub": "bob"},
        {"userId": 7, "sub": "bob"},
        {"userId": ["ann"]},
        {"userId": "a\0b"},
        {"userId": "me"},
        {"userId": "a" * 10_001},
        {"sub": None},
        {"sub": {"id": "bob"}},
    ],
)
async def test_a_token_without_a_usable_user(world: World, given: Any) -> None:
    assert "userId, or else sub" in await refusal(world.verifier(), hs256({"exp": NOW + 60} | given))


# --- times


@pytest.mark.parametrize(
    ("given", "sentence"),
    [
        ({"exp": NOW + 1}, None),
        ({"exp": NOW - 9}, None),
        ({"exp": NOW - 10}, "Token expired"),
        ({"exp": NOW - 10.5}, "Token expired"),
        ({"exp": 0}, "Token expired"),
        ({"exp": -(2**62)}, "Token expired"),
        ({"exp": NOW + 60, "nbf": NOW + 10}, None),
        ({"exp": NOW + 60, "nbf": NOW + 11}, "Token is not valid yet"),
        ({"exp": NOW + 60, "iat": NOW + 10}, None),
        ({"exp": NOW + 60, "iat": NOW + 11}, "Token is not valid yet"),
        ({"exp": NOW + 60, "iat": NOW - 10**9}, None),
        ({"exp": NOW + 60, "iat": "now"}, "Token's iat claim must be a number of seconds"),
        ({}, "Token has no exp claim, which is required"),
        ({"exp": str(NOW + 60)}, "Token's exp claim must be a number of seconds"),
        ({"exp": True}, "Token's exp claim must be a number of seconds"),
        ({"exp": None}, "Token's exp claim must be a number of seconds"),
        ({"exp": [NOW + 60]}, "Token's exp claim must be a number of seconds"),
        ({"exp": NOW + 60, "nbf": "now"}, "Token's nbf claim must be a number of seconds"),
        ({"exp": float("inf")}, "Token is not a well-formed JWT"),
        ({"exp": float("nan")}, "Token is not a well-formed JWT"),
    ],
)
async def test_times(world: World, given: Any, sentence: str | None) -> None:
    token = hs256({"userId": "ann"} | given)
    if sentence is None:
        assert (await world.verifier().verify(token)).user_id == "ann"
    else:
        assert await refusal(world.verifier(), token) == sentence


async def test_an_exp_beyond_every_float_is_refused(world: World) -> None:
    for number in (b"1e400", b"1" + b"0" * 400):
        await refusal(world.verifier(), hs256(b'{"userId": "ann", "exp": ' + number + b"}"))


# --- issuer and audience


@pytest.mark.parametrize(
    ("given", "sentence"),
    [
        ({"iss": "https://issuer", "aud": "toolgate"}, None),
        ({"iss": "https://issuer", "aud": ["other", "toolgate"]}, None),
        ({"aud": "toolgate"}, "iss"),
        ({"iss": "https://other", "aud": "toolgate"}, "iss"),
        ({"iss": ["https://issuer"], "aud": "toolgate"}, "iss"),
        ({"iss": "https://issuer"}, "aud"),
        ({"iss": "https://issuer", "aud": "toolgate-2"}, "aud"),
        ({"iss": "https://issuer", "aud": ["other"]}, "aud"),
        ({"iss": "https://issuer", "aud": []}, "aud"),
        ({"iss": "https://issuer", "aud": {"toolgate": True}}, "aud"),
        ({"iss": "https://issuer", "aud": "a toolgate b"}, "aud"),
    ],
)
async def test_issuer_and_audience_are_required_where_configured(
    world: World, given: Any, sentence: str | None
) -> None:
    verifier = world.verifier(jwt_issuer="https://issuer", jwt_audience="toolgate")
    token = hs256(claims(**given))
    if sentence is None:
        await verifier.verify(token)
    else:
        assert f"Token has no {sentence} claim, or " in await refusal(verifier, token)
    # Where they are not configured they do not matter.
    await world.verifier().verify(token)


# --- algorithms


async def test_none_is_refused_in_every_spelling(world: World) -> None:
    for alg in ("none", "None", "NONE", "nOnE", "", None, 0, [], ["HS256"], {"HS256": 1}):
        unsigned = hs256(claims(), header={"alg": alg}).rpartition(".")[0] + "."
        assert await refusal(world.verifier(), unsigned) == "Token must be signed with HS256 or RS256 or ES256"
    assert "must be signed" in await refusal(world.verifier(), hs256(claims(), header={"typ": "JWT"}))


@pytest.mark.parametrize("published", [RSA_PEM, RSA_PEM.strip(), RSA_DER, b64(RSA_DER).encode()])
async def test_a_public_key_is_no_secret(world: World, published: bytes) -> None:
    """The classic confusion: HS256, keyed with the public key that RS256 is checked with."""
    for verifier in (world.verifier(), world.verifier(jwt_secret="")):
        for kid in ({}, {"kid": "r1"}):
            await refusal(verifier, hs256(claims(), published, {"alg": "HS256"} | kid))


async def test_the_secret_is_no_key_of_the_set(world: World) -> None:
    world.keys.append({"kty": "oct", "k": b64(b"k" * 32), "kid": "o1", "alg": "HS256"})
    verifier = world.verifier(jwt_secret="")
    assert "must be signed with RS256 or ES256" in await refusal(
        verifier, hs256(claims(), b"k" * 32, {"alg": "HS256", "kid": "o1"})
    )


async def test_a_key_is_used_with_its_own_algorithm_only(world: World) -> None:
    verifier = world.verifier()
    for alg in ("RS384", "RS512", "PS256"):
        token = jwt.encode(claims(), RSA_KEY, alg, headers={"kid": "r1"})
        assert "must be signed" in await refusal(verifier, token)
    crossed = jwt.encode(claims(), EC_KEY, "ES256", headers={"kid": "r1"})
    assert await refusal(verifier, crossed) == "Token is signed with an unknown key"


async def test_a_key_in_the_header_counts_for_nothing(world: World) -> None:
    mine = rsa.generate_private_key(public_exponent=65537, key_size=2048)
    header = {"kid": "mine", "jwk": rsa_jwk(mine, "mine"), "jku": "https://evil.example.com/jwks.json"}
    token = jwt.encode(claims(), mine, "RS256", headers=header)
    assert await refusal(world.verifier(), token) == "Token is signed with an unknown key"
    assert set(world.fetches) == {URL}


@pytest.mark.parametrize(
    ("given", "accepted"),
    [
        ({"jwt_jwks_url": ""}, {"HS256"}),
        ({"jwt_secret": ""}, {"RS256", "ES256"}),
        ({}, {"HS256", "RS256", "ES256"}),
        ({"jwt_algorithms": ("ES256",)}, {"ES256"}),
        ({"jwt_algorithms": ("HS256", "RS256")}, {"HS256", "RS256"}),
        # Configured, but without anything to check with.
        ({"jwt_algorithms": ("RS256",), "jwt_jwks_url": ""}, set()),
        ({"jwt_secret": "", "jwt_jwks_url": ""}, set()),
    ],
)
async def test_what_is_configured_is_accepted_and_no_more(world: World, given: Any, accepted: set[str]) -> None:
    verifier = world.verifier(**given)
    assert verifier.configured is bool(accepted)
    tokens = {
        "HS256": hs256(claims()),
        "RS256": rs256(),
        "ES256": jwt.encode(claims(), EC_KEY, "ES256", headers={"kid": "e1"}),
    }
    for algorithm, token in tokens.items():
        if algorithm in accepted:
            await verifier.verify(token)
        elif accepted:
            assert "must be signed" in await refusal(verifier, token)
        else:
            assert "neither a secret nor a JWK set" in await refusal(verifier, token)


def test_a_public_key_as_the_secret_does_not_start(world: World) -> None:
    with pytest.raises(SettingsError, match="TOOLGATE_JWT_SECRET"):
        world.verifier(jwt_secret=RSA_PEM.decode())


# --- signatures and forms


async def test_a_changed_token_is_refused(world: World) -> None:
    verifier = world.verifier()
    for token in (hs256(claims()), rs256()):
        header, payload, signature = token.split(".")
        forged = b64(json.dumps(claims(userId="admin")).encode())
        assert await refusal(verifier, f"{header}.{forged}.{signature}") == "Token signature is wrong"
        assert await refusal(verifier, f"{header}.{payload}.{b64(b'x' * 32)}") == "Token signature is wrong"
        await refusal(verifier, f"{header}.{payload}.")
    assert await refusal(verifier, hs256(claims(), b"another secret of enough length!!")) == "Token signature is wrong"
    assert await refusal(verifier, rs256(key=NEXT_RSA_KEY)) == "Token signature is wrong"


@pytest.mark.parametrize(
    "token",
    [
        "",
        ".",
        "..",
        "....",
        "a.b.c",
        "not a token",
        "é.é.é",
        "\ud800",
        "\0",
        hs256(b"[]"),
        hs256(b"null"),
        hs256(b"not json"),
        hs256(b"\xff"),
        hs256(b'{"userId": "\\ud800", "exp": 9999999999}'),
        hs256(b"[" * 3000),
        hs256(claims(), header=["HS256"]),
        hs256(claims(), header={"alg": "HS256", "kid": 7}),
        hs256(claims(), header={"alg": "HS256", "crit": ["exp"], "exp": 1}),
        hs256(claims(), header={"alg": "HS256", "b64": False, "crit": ["b64"]}),
        hs256(b"", header={"alg": "HS256", "b64": False, "crit": ["b64"]}),
        hs256(b'{"userId": "ann", "exp": 9999999999, "userId": "bob"}'),
        hs256(b'{"userId": "ann", "exp": 9999999999, "a": {"b": 1, "b": 2}}'),
        hs256(claims()) + " ",
        "Bearer " + hs256(claims()),
    ],
)
async def test_malformed(world: World, token: str) -> None:
    assert await refusal(world.verifier(), token) == "Token is not a well-formed JWT"


async def test_the_length_of_a_token_is_bounded(world: World) -> None:
    base = len(hs256(claims(pad="")))
    fits = hs256(claims(pad="x" * ((16 * 1024 - base) * 3 // 4 - 3)))
    assert 16 * 1024 - 10 <= len(fits) <= 16 * 1024
    await world.verifier().verify(fits)
    assert "longer than 16384" in await refusal(world.verifier(), hs256(claims(pad="x" * 13_000)))


PIECES = st.one_of(
    st.binary(max_size=40).map(b64),
    st.sampled_from(["", "=", "==", "é", "\ud800", " ", "."]),
    st.dictionaries(
        st.sampled_from(["alg", "kid", "typ", "crit", "b64", "exp", "nbf", "iss", "aud", "sub", "userId"]),
        st.recursive(
            st.none() | st.booleans() | st.integers() | st.floats() | st.text() | st.sampled_from(["HS256", "RS256"]),
            lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(), inner, max_size=3),
            max_leaves=4,
        ),
        max_size=6,
    ).map(lambda value: b64(json.dumps(value).encode())),
)


@settings(deadline=None)
@given(st.lists(PIECES, max_size=5).map(".".join) | st.text(st.characters(exclude_categories=[])))
def test_garbage_is_refused_and_nothing_else_happens(token: str) -> None:
    asyncio.run(refusal(World().verifier(jwt_issuer="https://issuer"), token))


@settings(deadline=None)
@given(
    st.dictionaries(
        st.sampled_from(["exp", "nbf", "iat", "iss", "aud", "sub", "userId", "jti"]),
        st.recursive(
            st.none() | st.booleans() | st.integers() | st.floats() | st.text(),
            lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(), inner, max_size=3),
            max_leaves=4,
        ),
    )
)
def test_well_signed_garbage_proves_nobody_or_somebody_named(payload: dict[str, Any]) -> None:
    try:
        proved = asyncio.run(World().verifier().verify(hs256(payload)))
    except Unauthorized:
        return
    assert proved.user_id == payload.get("userId", payload.get("sub"))
    assert payload["exp"] > NOW - 10


# --- the cache


async def test_a_token_is_verified_once(world: World, monkeypatch: pytest.MonkeyPatch) -> None:
    verifier = world.verifier()
    for token in (hs256(claims()), rs256()):
        first = await verifier.verify(token)
        with monkeypatch.context() as patch:
            patch.setattr(verifier_module, "_JWS", None)
            assert await verifier.verify(token) is first
    assert all(token not in repr(vars(verifier)) for token in (hs256(claims()), rs256()))


async def test_a_cached_token_still_expires(world: World) -> None:
    verifier = world.verifier()
    token = hs256(claims(exp=NOW + 100))
    await verifier.verify(token)
    world.now = NOW + 109
    await verifier.verify(token)
    world.now = NOW + 110
    assert await refusal(verifier, token) == "Token expired"
    assert not verifier._cache


async def test_what_is_refused_is_not_cached(world: World) -> None:
    verifier = world.verifier()
    token = hs256(claims(nbf=NOW + 60))
    assert await refusal(verifier, token) == "Token is not valid yet"
    world.now += 60
    await verifier.verify(token)


async def test_the_cache_is_bounded_and_keeps_what_is_used(world: World, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(verifier_module, "_CACHED", 3)
    verifier = world.verifier()
    kept = hs256(claims())
    await verifier.verify(kept)
    others = [hs256(claims(jti=str(number))) for number in range(10)]
    for other in others:
        await verifier.verify(other)
        await verifier.verify(kept)
    expected = {hashlib.sha256(token.encode()).digest() for token in (kept, *others[-2:])}
    assert set(verifier._cache) == expected


# --- the key set


async def test_the_set_is_fetched_once_for_ten_minutes(world: World) -> None:
    verifier = world.verifier()
    for number in range(5):
        await verifier.verify(rs256(claims(jti=str(number))))
    world.now += 599
    await verifier.verify(rs256())
    assert world.fetches == [URL]
    world.now += 1
    await verifier.verify(rs256())
    assert len(world.fetches) == 2


async def test_hs256_alone_fetches_nothing(world: World) -> None:
    verifier = world.verifier()
    await verifier.verify(hs256(claims()))
    await verifier.verify(hs256(claims()))
    assert world.fetches == []


async def test_requests_at_once_share_a_fetch(world: World) -> None:
    verifier = world.verifier()
    world.gate = asyncio.Event()
    waiting = [asyncio.create_task(verifier.verify(rs256(claims(jti=str(number))))) for number in range(10)]
    await asyncio.sleep(0.01)
    world.gate.set()
    assert {proved.user_id for proved in await asyncio.gather(*waiting)} == {"ann"}
    assert world.fetches == [URL]


async def test_a_new_key_counts_soon_and_invented_ids_do_not_flood_the_issuer(world: World) -> None:
    verifier = world.verifier()
    await verifier.verify(rs256())
    world.keys = [rsa_jwk(NEXT_RSA_KEY, "r2")]
    rotated = rs256(key=NEXT_RSA_KEY, kid="r2")
    await verifier.verify(rotated)
    assert len(world.fetches) == 2
    for number in range(20):
        world.now += 1
        assert await refusal(verifier, rs256(kid=f"invented-{number}")) == "Token is signed with an unknown key"
    assert len(world.fetches) == 2
    world.now += 10
    await refusal(verifier, rs256(kid="invented"))
    assert len(world.fetches) == 3


async def test_an_unknown_id_waits_for_the_fetch_that_is_under_way(world: World) -> None:
    verifier = world.verifier()
    await verifier.verify(rs256())
    world.keys.append(rsa_jwk(NEXT_RSA_KEY, "r2"))
    world.gate = asyncio.Event()
    tokens = [rs256(claims(jti=str(number)), NEXT_RSA_KEY, "r2") for number in range(3)]
    waiting = [asyncio.create_task(verifier.verify(token)) for token in tokens]
    await asyncio.sleep(0.01)
    world.gate.set()
    assert len(await asyncio.gather(*waiting)) == 3
    assert len(world.fetches) == 2


async def test_a_withdrawn_key_stops_counting_for_cached_tokens_too(world: World) -> None:
    verifier = world.verifier()
    await verifier.verify(rs256())
    world.keys = [rsa_jwk(NEXT_RSA_KEY, "r2")]
    world.now += 601
    assert await refusal(verifier, rs256()) == "Token is signed with an unknown key"


async def test_an_empty_set_withdraws_all_keys(world: World) -> None:
    verifier = world.verifier()
    await verifier.verify(rs256())
    world.keys = []
    world.now += 601
    assert await refusal(verifier, rs256()) == "Token is signed with an unknown key"


async def test_while_one_request_fetches_again_the_others_go_on(world: World) -> None:
    verifier = world.verifier()
    await verifier.verify(rs256())
    world.now += 601
    world.gate = asyncio.Event()
    waits = asyncio.create_task(verifier.verify(rs256(claims(jti="1"))))
    await asyncio.sleep(0.01)
    async with asyncio.timeout(1):
        await verifier.verify(rs256(claims(jti="2")))
    assert not waits.done()
    world.gate.set()
    await waits


async def test_a_cancelled_fetch_is_taken_over(world: World) -> None:
    verifier = world.verifier()
    world.gate = asyncio.Event()
    first = asyncio.create_task(verifier.verify(rs256(claims(jti="1"))))
    second = asyncio.create_task(verifier.verify(rs256(claims(jti="2"))))
    await asyncio.sleep(0.01)
    first.cancel()
    await asyncio.sleep(0.01)
    world.gate.set()
    assert (await second).user_id == "ann"
    assert len(world.fetches) == 2


BROKEN: list[tuple[str, Callable[[World], None]]] = [
    ("network", lambda world: setattr(world, "failure", OSError("no route"))),
    ("any", lambda world: setattr(world, "failure", RuntimeError("whatever"))),
    ("html", lambda world: setattr(world, "body", b"<html>")),
    ("list", lambda world: setattr(world, "body", b"[]")),
    ("nothing", lambda world: setattr(world, "body", b"{}")),
    ("text", lambda world: setattr(world, "body", b'{"keys": "r1"}')),
    ("large", lambda world: setattr(world, "body", b'{"keys": []}' + b" " * 256 * 1024)),
    ("many", lambda world: setattr(world, "keys", [rsa_jwk(RSA_KEY)] * 101)),
]


@pytest.mark.parametrize("break_it", [case[1] for case in BROKEN], ids=[case[0] for case in BROKEN])
async def test_the_last_good_set_stands_for_a_day(world: World, break_it: Callable[[World], None]) -> None:
    verifier = world.verifier()
    await verifier.verify(rs256(claims(exp=NOW + 10**6)))
    break_it(world)
    world.now += 24 * 3600
    await verifier.verify(rs256(claims(exp=NOW + 10**6)))
    await verifier.verify(rs256(claims(exp=NOW + 10**6, jti="new")))
    fetches = len(world.fetches)
    assert fetches == 2
    world.now += 10
    assert await refusal(verifier, rs256(claims(exp=NOW + 10**6))) == (
        "The keys of the token's issuer cannot be fetched just now"
    )
    assert len(world.fetches) == fetches + 1
    # The secret does not depend on the issuer.
    await verifier.verify(hs256(claims(exp=NOW + 10**6)))


async def test_an_issuer_that_is_down_at_first_is_asked_again(world: World) -> None:
    verifier = world.verifier()
    world.failure = OSError("no route")
    for _ in range(5):
        assert "cannot be fetched" in await refusal(verifier, rs256())
    assert len(world.fetches) == 1
    world.failure = None
    world.now += 5
    await verifier.verify(rs256())


async def test_a_fetch_that_hangs_is_given_up(world: World, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("gateway.access.jwks.FETCH_TIMEOUT", 0.01)
    world.gate = asyncio.Event()
    assert "cannot be fetched" in await refusal(world.verifier(), rs256())


@pytest.mark.parametrize(
    ("jwk", "accepted"),
    [
        (rsa_jwk(RSA_KEY), True),
        (rsa_jwk(RSA_KEY, use="sig", alg="RS256", key_ops=["verify"], x5c=["ignored"]), True),
        (rsa_jwk(RSA_KEY, use="enc"), False),
        (rsa_jwk(RSA_KEY, alg="RS512"), False),
        (rsa_jwk(RSA_KEY, alg="HS256"), False),
        (rsa_jwk(RSA_KEY, key_ops=["sign"]), False),
        (rsa_jwk(RSA_KEY, key_ops="verify"), False),
        (rsa_jwk(RSA_KEY, kid=None), False),
        (rsa_jwk(RSA_KEY) | {"kid": 1}, False),
        (rsa_jwk(RSA_KEY) | {"n": 12}, False),
        (rsa_jwk(RSA_KEY) | {"n": "%%%"}, False),
        (rsa_jwk(RSA_KEY) | {"n": b64(b"\xff" * 1025)}, False),
        (rsa_jwk(RSA_KEY) | {"e": b64(b"\1" * 5)}, False),
        (rsa_jwk(RSA_KEY) | {"e": "AQ"}, False),
        (rsa_jwk(RSA_KEY) | {"e": "A"}, False),
        (rsa_jwk(RSA_KEY) | {"kty": "oct"}, False),
        ({"kid": "r1"}, False),
        ("r1", False),
        (None, False),
    ],
)
async def test_which_keys_of_a_set_count(world: World, jwk: Any, accepted: bool) -> None:
    # A key that is passed over takes no other with it.
    world.keys = [jwk, ec_jwk(EC_KEY)]
    verifier = world.verifier()
    if accepted:
        await verifier.verify(rs256())
    else:
        assert await refusal(verifier, rs256()) == "Token is signed with an unknown key"
    await verifier.verify(jwt.encode(claims(), EC_KEY, "ES256", headers={"kid": "e1"}))


@pytest.mark.parametrize(
    "change",
    [
        {"crv": "P-384"},
        {"crv": "secp256k1"},
        {"x": b64(b"\1" * 32)},
        {"y": b64(b"\0" * 32)},
        {"x": b64(b"\0" + EC_KEY.public_key().public_numbers().x.to_bytes(32, "big"))},
    ],
)
async def test_a_point_off_the_curve_is_no_key(world: World, change: dict[str, str]) -> None:
    world.keys = [ec_jwk(EC_KEY, **change)]
    token = jwt.encode(claims(), EC_KEY, "ES256", headers={"kid": "e1"})
    assert await refusal(world.verifier(), token) == "Token is signed with an unknown key"


async def test_a_short_rsa_key_is_no_key(world: World) -> None:
    short = rsa.generate_private_key(public_exponent=65537, key_size=1024)
    world.keys = [rsa_jwk(short)]
    with pytest.warns(jwt.InsecureKeyLengthWarning):
        token = rs256(key=short)
    assert await refusal(world.verifier(), token) == "Token is signed with an unknown key"


async def test_without_a_kid_there_must_be_one_key(world: World) -> None:
    world.keys = [rsa_jwk(RSA_KEY), rsa_jwk(NEXT_RSA_KEY, "r2")]
    assert await refusal(world.verifier(), rs256(kid=None)) == "Token is signed with an unknown key"


@settings(deadline=None)
@given(
    st.lists(
        st.dictionaries(
            st.sampled_from(["kty", "n", "e", "crv", "x", "y", "kid", "use", "alg", "key_ops"]),
            st.sampled_from(["RSA", "EC", "oct", "P-256", "AQAB", "r1", "sig"])
            | st.binary(max_size=300).map(b64)
            | st.none()
            | st.integers()
            | st.lists(st.text(), max_size=2),
        ),
        max_size=3,
    )
)
def test_a_set_of_garbage_keys_is_survived(keys: list[Any]) -> None:
    asyncio.run(refusal(World(keys=keys).verifier(), rs256()))


# --- the header


@pytest.mark.parametrize(
    "header",
    [
        b'{"alg": "none", "alg": "HS256"}',
        b'{"alg": "HS256", "kid": "a", "kid": "b"}',
        b'{"alg": ' + b"[" * 10_000,
        b'{"alg": "HS256", "x": ' + b"[" * 5_000 + b"]" * 5_000 + b"}",
    ],
)
async def test_a_header_that_can_be_read_in_two_ways_or_not_at_all(world: World, header: bytes) -> None:
    signed = f"{b64(header)}.{b64(json.dumps(claims()).encode())}"
    token = f"{signed}.{b64(hmac.digest(SECRET.encode(), signed.encode(), 'sha256'))}"
    assert await refusal(world.verifier(), token) == "Token is not a well-formed JWT"


# --- servers and scopes

A, B = "http://127.0.0.1:3000/mcp/a", "http://127.0.0.1:3000/mcp/b"


@pytest.mark.parametrize(
    ("configured", "aud", "accepted"),
    [
        # Where nothing is configured, a token for servers is for these, and any other one for every door.
        ("", None, {A, B, None}),
        ("", "somebody", {A, B, None}),
        ("", A, {A}),
        ("", [A, B], {A, B}),
        ("", [A, "somebody"], {A}),
        ("", A.upper(), set()),
        ("", A + "/", set()),
        ("", A + "?x", set()),
        ("", [7, None, {}], {A, B, None}),
        ("server", None, set()),
        ("server", "somebody", set()),
        ("server", "server", set()),
        ("server", A, {A}),
        ("server", [A, B], {A, B}),
        ("toolgate", "toolgate", {A, B, None}),
        ("toolgate", [A, "toolgate"], {A, B, None}),
        ("toolgate", A, set()),
    ],
)
async def test_which_doors_an_audience_opens(
    world: World, configured: str, aud: Any, accepted: set[str | None]
) -> None:
    verifier = world.verifier(jwt_audience=configured)
    token = hs256(claims() if aud is None else claims(aud=aud))
    # Twice, the second time from memory.
    for _ in range(2):
        for door in (A, B, None):
            if door in accepted:
                assert (await verifier.verify(token, door)).user_id == "ann"
            else:
                with pytest.raises(Unauthorized):
                    await verifier.verify(token, door)


async def test_a_token_without_an_audience_is_told_what_it_lacks(world: World) -> None:
    with pytest.raises(Unauthorized, match="aud must name this MCP server by its URL"):
        await world.verifier(jwt_audience="server").verify(hs256(claims()), A)
    with pytest.raises(Unauthorized, match="opens the MCP server that its aud names, and nothing else"):
        await world.verifier().verify(hs256(claims(aud=A)), None)


@pytest.mark.parametrize(
    ("given", "enough"),
    [
        ({"scope": "read write"}, True),
        ({"scope": "write other read"}, True),
        ({"scp": ["read", "write"]}, True),
        ({"scp": "read write"}, True),
        ({"scope": "read", "scp": ["write"]}, True),
        ({}, False),
        ({"scope": "read"}, False),
        ({"scope": "readwrite"}, False),
        ({"scope": "read,write"}, False),
        ({"scope": "READ WRITE"}, False),
        ({"scope": ["read", "write"]}, True),
        ({"scope": {"read": 1, "write": 1}}, False),
        ({"scope": 7, "scp": None}, False),
    ],
)
async def test_scopes_that_are_needed(world: World, given: Any, enough: bool) -> None:
    verifier = world.verifier(jwt_scopes=("read", "write"))
    for _ in range(2):
        if enough:
            await verifier.verify(hs256(claims(**given)))
        else:
            with pytest.raises(InsufficientScope) as caught:
                await verifier.verify(hs256(claims(**given)))
            assert caught.value.details == {"scope": "read write"}
