"""Everybody who may come: by key, by JWT of each kind of issuer, by token URL, with each header; and nobody."""

import time
from dataclasses import dataclass
from typing import Any

import jwt

from support.isolation.world import JWT_OWN_SECRET, Account, Thing, World
from support.service import JWT_SECRET

BOTH = frozenset({"manage", "use"})


@dataclass(frozen=True)
class Who:
    """One who asks. `refused` is the status for those who do not get past the door at all."""

    label: str
    headers: dict[str, str]
    account: str = ""
    user: str = ""
    # Who proved themselves, where `user` is who counts.
    principal: str = ""
    door: str = "jwt"
    scopes: frozenset[str] = BOTH
    # False: x-alloy-userid named nobody of the account, and the key's user counts, for reading alone.
    known: bool = True
    refused: int | None = None
    # The one server of a token URL.
    server: Thing | None = None

    def __str__(self) -> str:
        return f"{self.account or '-'} {self.label}"


def jwt_of(world: World, kind: str, user: str, **claims: Any) -> str:
    payload = {"userId": user, "exp": int(time.time()) + 3000, **claims}
    if kind == "JWKS":
        return world.issuer.token(user, exp=payload["exp"])
    account, key, algorithm = {
        "settings": ("O", JWT_SECRET, "HS256"),
        "RS256": ("A", world.rsa, "RS256"),
        "ES256": ("B", world.ec, "ES256"),
        "HS256": ("B", JWT_OWN_SECRET, "HS256"),
    }[kind]
    iss = {} if kind == "settings" else {"iss": world.accounts[account].issuers[kind]}
    return jwt.encode({**payload, **iss}, key, algorithm)


ISSUERS = {"O": ("settings",), "A": ("RS256", "JWKS"), "B": ("ES256", "HS256")}
OTHER = {"O": "A", "A": "B", "B": "A"}


def bearer(text: str) -> dict[str, str]:
    return {"Authorization": f"Bearer {text}"}


def callers(world: World, name: str) -> list[Who]:
    """Everybody of one account."""
    return [*_by_key(world, world.accounts[name]), *_by_jwt(world, world.accounts[name])]


def _by_key(world: World, account: Account) -> list[Who]:
    name, ids, keys = account.name, account.ids, account.keys
    kind, abroad = ISSUERS[name][0], world.accounts[OTHER[name]]
    foreign = jwt_of(world, ISSUERS[abroad.name][0], abroad.ids["mate"])
    both = bearer(keys["both"])

    def who(label: str, headers: dict[str, str], user: str = "admin", **fields: Any) -> Who:
        return Who(label, headers, name, user, fields.pop("principal", "admin"), "api_key", **fields)

    def named(user_id: str) -> dict[str, str]:
        return {**both, "x-alloy-userid": user_id}

    def proved(token: str) -> dict[str, str]:
        return {**both, "x-alloy-user-token": token}

    return [
        who("key", both),
        who("key for use", bearer(keys["use"]), scopes=frozenset({"use"})),
        who("key for managing", bearer(keys["manage"]), scopes=frozenset({"manage"})),
        who("colleague's key", bearer(keys["mate"]), ids["mate"], principal=ids["mate"]),
        who("key, userid me", named("me")),
        who("key, userid of a colleague", named(ids["mate"]), ids["mate"]),
        who("key, userid of nobody", named("nobody-knows-them"), known=False),
        who("key, userid of another account", named(abroad.ids["mate"]), known=False),
        who("key for use, userid", {**bearer(keys["use"]), "x-alloy-userid": ids["mate"]}, ids["mate"],
            scopes=frozenset({"use"})),
        who("key, user token", proved(jwt_of(world, kind, ids["mate"])), ids["mate"]),
        who("key, user token, userid of the same",
            {**proved(jwt_of(world, kind, ids["mate"])), "x-alloy-userid": ids["mate"]}, ids["mate"]),
        who("disabled user's key", bearer(keys["gone"]), refused=403),
        who("expired key", bearer(keys["expired"]), refused=401),
        who("revoked key", bearer(keys["revoked"]), refused=401),
        who("key, userid of a disabled user", named(ids["gone"]), refused=403),
        who("key, user token of another account", proved(foreign), refused=401),
        who("key, expired user token", proved(jwt_of(world, kind, ids["mate"], exp=1)), refused=401),
        who("key, garbage as user token", proved("a.b.c"), refused=401),
        who("key, user token of a disabled user", proved(jwt_of(world, kind, ids["gone"])), refused=403),
        who("key, user token, userid of another",
            {**proved(jwt_of(world, kind, ids["mate"])), "x-alloy-userid": ids["admin"]}, refused=403),
    ]  # fmt: skip


def _by_jwt(world: World, account: Account) -> list[Who]:
    name, ids = account.name, account.ids
    kinds, abroad = ISSUERS[name], world.accounts[OTHER[name]]
    found = []

    def who(label: str, headers: dict[str, str], user: str, **fields: Any) -> None:
        found.append(Who(label, headers, name, user, user, **fields))

    for kind in kinds:
        for role in ("admin", "mate"):
            who(f"JWT {kind}, {role}", bearer(jwt_of(world, kind, ids[role])), ids[role])
    kind = kinds[0]
    mate = jwt_of(world, kind, ids["mate"])
    other = jwt_of(world, ISSUERS[abroad.name][0], abroad.ids["mate"])
    namesake = jwt_of(world, ISSUERS[abroad.name][0], "admin")
    admin = jwt_of(world, kind, "admin")
    who("JWT, userid of the same", {**bearer(mate), "x-alloy-userid": ids["mate"]}, ids["mate"])
    who("JWT, userid me", {**bearer(mate), "x-alloy-userid": "me"}, ids["mate"])
    who("user token alone", {"x-alloy-user-token": mate}, ids["mate"])
    who("JWT and user token of the same", {**bearer(mate), "x-alloy-user-token": mate}, ids["mate"])
    refused = ids["mate"]
    who("JWT, userid of another", {**bearer(mate), "x-alloy-userid": "admin"}, refused, refused=403)
    who("JWT, user token of another account", {**bearer(mate), "x-alloy-user-token": other}, refused, refused=403)
    who("JWT, user token of a namesake", {**bearer(admin), "x-alloy-user-token": namesake}, "admin", refused=403)
    who("JWT of a disabled user", bearer(jwt_of(world, kind, ids["gone"])), ids["gone"], refused=403)
    for kind in kinds:
        expired = jwt_of(world, kind, "admin", exp=1) if kind != "JWKS" else world.issuer.token("admin", exp=1)
        who(f"expired JWT {kind}", bearer(expired), "admin", refused=401)
        forged = jwt_of(world, kind, "admin")
        who(f"forged JWT {kind}", bearer(forged[:-20] + "A" * 20), "admin", refused=401)
    return found


def nobody() -> list[Who]:
    return [
        Who("nobody", {}, refused=401),
        Who("userid alone", {"x-alloy-userid": "admin"}, refused=401),
        Who("garbage as key", bearer("nobody-made-this-key-0123"), refused=401),
        Who("garbage as JWT", bearer("a.b.c"), refused=401),
        Who("another scheme", {"Authorization": "Basic YWRtaW46YWRtaW4="}, refused=401),
    ]
