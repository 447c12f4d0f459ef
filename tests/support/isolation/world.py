"""Three accounts with three users each, and of everything that is stored something of each; all of it is marked.

`O` is the operator's own account, `A` and `B` are two others. In each there are `admin` (the same id in all three),
`mate`, a colleague, and `gone`, who is disabled once everything of theirs is there.
"""

import hashlib
import re
import secrets
import sqlite3
from collections.abc import Iterator, Mapping
from contextlib import closing, contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from cryptography.hazmat.primitives.asymmetric import ec

from support.isolation.wire import Wire
from support.issuer import Issuer, pem, rsa_key
from support.service import API_KEY, Service
from support.sign_ins import Office, SignInPlatform
from support.upstream import Upstream

ACCOUNTS = ("O", "A", "B")
ROLES = ("admin", "mate", "gone")
SHIPPED = "slack"
NOBODYS = "-"
OPERATOR = {"Authorization": f"Bearer {API_KEY}"}
JWT_OWN_SECRET = "a secret of account B, longer than 32 bytes"


@dataclass(frozen=True)
class Thing:
    """Something that is stored and has an id. Who may use a server beside its owner: `public`, `allowed`."""

    kind: str
    account: str
    user: str | None
    id: str
    # The thing that it is part of: a credential's connector, an approval's server.
    of: str = ""
    public: bool = False
    allowed: frozenset[str] = frozenset()
    token: str = ""
    label: str = ""
    mark: str = ""

    def absent(self) -> "Thing":
        """A thing of the same kind that there is not, with an id of the same length and letters."""
        size = min(8, len(self.id))
        return Thing(self.kind, NOBODYS, None, self.id[:-size] + secrets.token_hex(4)[:size], self.of, label="absent")


@dataclass(frozen=True)
class Mark:
    """A text that stands in one thing and nowhere else. `secret`: nobody is ever shown it again."""

    text: str
    thing: Thing
    secret: bool = False


@dataclass
class Account:
    name: str
    account_id: str
    ids: dict[str, str]
    keys: dict[str, str]
    key_ids: dict[str, str]
    issuers: dict[str, Any] = field(default_factory=dict)

    def known(self, user_id: str) -> bool:
        return user_id in self.ids.values()

    @property
    def operator(self) -> dict[str, str]:
        return {"Authorization": f"Bearer {self.keys['both']}"}

    def acting(self, user_id: str) -> dict[str, str]:
        return {**self.operator, "x-alloy-userid": user_id}


class World:
    def __init__(self, service: Service, upstream: Upstream, platform: SignInPlatform, issuer: Issuer) -> None:
        self.service, self.upstream, self.platform, self.issuer = service, upstream, platform, issuer
        self.wire = Wire(service.url)
        self.database = service.data_dir / "toolgate.db"
        self.things: list[Thing] = []
        self.marks: dict[str, Mark] = {}
        self.accounts: dict[str, Account] = {}
        self.links: dict[tuple[str, str], str] = {}
        self.twin = f"twin-{secrets.token_hex(4)}"
        self.rsa, self.ec = rsa_key(), ec.generate_private_key(ec.SECP256R1())
        for name in ACCOUNTS:
            self._open(name)
        for name in ACCOUNTS:
            self._furnish(self.accounts[name])
        for account in self.accounts.values():
            gone = {"disabled": True}
            self.wire.made("PATCH", f"/users/{account.ids['gone']}", account.operator, gone)
        self.shipped = sum(
            each["shipped"] for each in self.wire.made("GET", "/connectors?limit=1000", OPERATOR)["connectors"]
        )
        every = "|".join(re.escape(text) for text in sorted(self.marks, key=len, reverse=True))
        self._any = re.compile(every)

    # What there is.

    def found(self, text: str) -> set[str]:
        """The marks that stand in an answer."""
        return set(self._any.findall(text))

    def of(self, kind: str, account: str | None = None, label: str | None = None) -> list[Thing]:
        return [
            thing
            for thing in self.things
            if thing.kind == kind and account in (None, thing.account) and label in (None, thing.label)
        ]

    def the(self, kind: str, account: str, role: str | None = None, label: str | None = None) -> Thing:
        user = None if role is None else self.accounts[account].ids[role]
        (found,) = [thing for thing in self.of(kind, account, label) if thing.user == user]
        return found

    def count(self, sql: str, *values: Any) -> int:
        with closing(sqlite3.connect(self.database, timeout=20)) as database:
            return int(database.execute(sql, values).fetchone()[0])

    def state(self, own: tuple[str, str] = ("", "")) -> dict[tuple[str, str], str]:
        """A digest of everything that is stored, by account and user; by account alone for what has no user.

        That somebody was refused may be on record in their `own` name (account, user), and in nobody else's.
        """
        found: dict[tuple[str, str], Any] = {}
        with closing(sqlite3.connect(self.database, timeout=20)) as database:
            database.row_factory = sqlite3.Row
            for (table,) in database.execute("SELECT name FROM sqlite_schema WHERE type = 'table'").fetchall():
                columns = [row["name"] for row in database.execute(f"PRAGMA table_info({table})")]
                if "account_id" not in columns:
                    continue
                shown = "COUNT(*), MAX(audit_id)" if table == "audit" else "*"
                user = "user_id" if "user_id" in columns else "''"
                grouped = "GROUP BY 1, 2" if table == "audit" else "ORDER BY 3"
                for row in database.execute(f"SELECT account_id, {user}, {shown} FROM {table} {grouped}"):
                    key = (str(row[0]), str(row[1]))
                    if table == "audit" and key == own:
                        continue
                    found.setdefault(key, hashlib.sha256()).update(repr((table, tuple(row))).encode())
        return {key: digest.hexdigest() for key, digest in found.items()}

    # How it comes to be there.

    def _mark(self, thing: Thing, *texts: str, secret: bool = False) -> Thing:
        for text in texts:
            assert len(text) > 7, text
            self.marks[text] = Mark(text, thing, secret)
        return thing

    def _add(self, thing: Thing, *, secret: str = "") -> Thing:
        self.things.append(thing)
        # `admin` is everybody's id, and `default` no secret.
        if thing.id not in ("admin", "default", self.twin, SHIPPED):
            self._mark(thing, thing.id)
        if thing.mark:
            self._mark(thing, thing.mark)
        if secret:
            self._mark(thing, secret, secret=True)
        return thing

    def text(self, account: str, role: str, sort: str) -> str:
        return f"mk{account}{role}{sort}{secrets.token_hex(4)}"

    def _open(self, name: str) -> None:
        operator = OPERATOR
        ids = {"admin": "admin", "mate": f"mate-{secrets.token_hex(4)}", "gone": f"gone-{secrets.token_hex(4)}"}
        mark = self.text(name, "all", "account")
        if name == "O":
            first, account_id, mark = API_KEY, "default", ""
        else:
            made = self.wire.made("POST", "/accounts", operator, {"name": mark})
            first, account_id = made["key"], made["accountId"]
        account = Account(name, account_id, ids, {"both": first}, {})
        self.accounts[name] = account
        self._add(Thing("account", name, None, account_id, mark=mark))
        wanted = {
            "mate": {"userId": ids["mate"]},
            "gone": {"userId": ids["gone"]},
            "use": {"userId": "admin", "scopes": ["use"]},
            "manage": {"userId": "admin", "scopes": ["manage"]},
            "expired": {"userId": "admin", "expiresAt": "2099-01-01T00:00:00Z"},
            "revoked": {"userId": "admin"},
        }
        for label, body in wanted.items():
            mark = self.text(name, label, "key")
            made = self.wire.made("POST", "/keys", account.operator, {**body, "name": mark})
            account.keys[label], account.key_ids[label] = made["key"], made["keyId"]
            thing = Thing("key", name, made["userId"], made["keyId"], label=label, mark=mark)
            self._add(thing, secret=made["key"])
        self.wire.made("DELETE", f"/keys/{account.key_ids['revoked']}", account.operator)
        with closing(sqlite3.connect(self.database, timeout=20)) as database:
            ended = ("2020-01-01T00:00:00.000Z", account.key_ids["expired"])
            database.execute("UPDATE api_keys SET expires_at = ? WHERE key_id = ?", ended)
            database.commit()
        for role, user_id in ids.items():
            mark = self.text(name, role, "user")
            self.wire.made("PATCH", f"/users/{user_id}", account.operator, {"fullName": mark})
            self._add(Thing("user", name, user_id, user_id, label=role, mark=mark))
        self._issue(account, operator)

    def _issue(self, account: Account, operator: Mapping[str, str]) -> None:
        wanted = {
            "O": {},
            "A": {
                "RS256": {"algorithm": "RS256", "publicKey": pem(self.rsa)},
                "JWKS": {"issuer": self.issuer.url, "algorithm": "RS256", "jwksUrl": self.issuer.jwks_url},
            },
            "B": {
                "ES256": {"algorithm": "ES256", "publicKey": pem(self.ec)},
                "HS256": {"algorithm": "HS256", "secret": JWT_OWN_SECRET},
            },
        }[account.name]
        for label, body in wanted.items():
            given = {"issuer": f"urn:{self.text(account.name, label, 'issuer')}", **body}
            path = f"/accounts/{account.account_id}/jwt-issuers"
            made = self.wire.made("POST", path, dict(operator), given)
            account.issuers[label] = given["issuer"]
            thing = Thing("issuer", account.name, None, made["issuerId"], of=account.account_id, label=label)
            self._mark(self._add(thing), *([given["issuer"]] if "mk" in given["issuer"] else []))

    def _furnish(self, account: Account) -> None:
        name = account.name
        own = f"tasks-{secrets.token_hex(4)}"
        for connector_id, label in ((own, "own"), (self.twin, "twin")):
            mark = self.text(name, "all", "connector")
            body = {"id": connector_id, "name": mark, "document": self.upstream.document()}
            self.wire.made("POST", "/connectors", account.operator, body)
            self._add(Thing("connector", name, None, connector_id, label=label, mark=mark))
        office = Office(self.service, self.platform, f"ledger-{secrets.token_hex(4)}")
        office.api = self.service.client(Authorization=f"Bearer {account.keys['both']}")
        client, config = self.text(name, "all", "client"), self.text(name, "all", "config")
        office.open(clientId=client, name=config, isDefault=True)
        self._add(Thing("connector", name, None, office.connector_id, label="oauth"))
        made = Thing("config", name, None, office.config["authConfigId"], of=office.connector_id, mark=config)
        self._mark(self._add(made, secret=office.secret), client)
        for role, user_id in account.ids.items():
            self._furnish_user(account, role, user_id, own, office)

    def _furnish_user(self, account: Account, role: str, user_id: str, own: str, office: Office) -> None:
        name = account.name
        acting = {**account.acting(user_id), "X-Request-Id": self.text(name, role, "request")}
        whole = Thing("act", name, user_id, acting["X-Request-Id"])
        self._add(whole)
        self.server(name, role, "private", headers=acting)
        self.server(name, role, "public", isPublic=True)
        # Names a user by an id that another account has as well.
        friends = [account.ids["admin" if role != "admin" else "mate"], "admin"]
        self.server(name, role, "shared", restrictions={"users": {"allowedIds": [*friends, user_id]}})
        self.server(name, role, "named", isPublic=True, restrictions={"users": {"allowedIds": [*friends, user_id]}})
        self.server(name, role, "direct", mode="direct", restrictions={"connectors": {"allowedIds": [own, self.twin]}})
        confirming = self.server(name, role, "confirming", confirmDestructive=True)
        for connector_id in (SHIPPED, own, self.twin):
            self.credential(name, role, connector_id)
        office.api = self.service.client(
            Authorization=f"Bearer {account.keys['both']}", x_alloy_userid=user_id
        )
        for label in ("oauth", "dead"):
            mark = self.text(name, role, f"credential{label}")
            answer = office.connect(name=mark)
            assert answer.status_code == 200, answer.text
            (kept,) = [found["credentialId"] for found in office.credentials() if found["name"] == mark]
            self._add(Thing("credential", name, user_id, kept, of=office.connector_id, label=label, mark=mark))
        with closing(sqlite3.connect(self.database, timeout=20)) as database:
            database.execute("UPDATE credentials SET dead = 1 WHERE credential_id = ?", [kept])
            database.commit()
        self.links[name, role] = office.link(name=self.text(name, role, "link"))
        self._add(Thing("link", name, user_id, self.links[name, role].rsplit("=", 1)[1], of=office.connector_id))
        self.approval(confirming, own)
        call = {"arguments": {"connectorId": own, "actionId": "listTasks", "parameters": {}}}
        private = self.the("server", name, role, "private")
        self.wire.made("POST", f"/api/servers/{private.id}/tools/execute_action_alloy", acting, call)

    # Single things, also for those who need one to destroy.

    def server(self, account: str, role: str, label: str, *, headers: Any = None, **fields: Any) -> Thing:
        here = self.accounts[account]
        mark, said = self.text(account, role, "server"), self.text(account, role, "instructions")
        body = {"name": mark, "customInstructions": said, "description": f"{mark} is described", **fields}
        made = self.wire.made("POST", "/api/servers", headers or here.acting(here.ids[role]), body)
        users = (fields.get("restrictions") or {}).get("users", {}).get("allowedIds", ())
        thing = Thing(
            "server",
            account,
            here.ids[role],
            made["serverId"],
            public=fields.get("isPublic", False),
            allowed=frozenset(users),
            token=made["accessToken"],
            label=label,
            mark=mark,
        )
        self._add(thing)
        self._mark(Thing("token", account, thing.user, made["accessToken"]), made["accessToken"])
        return self._mark(thing, said)

    def credential(self, account: str, role: str, connector_id: str, label: str = "") -> Thing:
        here = self.accounts[account]
        mark, secret = self.text(account, role, "credential"), self.text(account, role, "secret")
        body = {"userId": here.ids[role], "authenticationType": "bearer", "name": mark, "data": {"token": secret}}
        made = self.wire.made("POST", f"/connectors/{connector_id}/credentials", here.operator, body)
        label = label or {SHIPPED: "shipped", self.twin: "twin"}.get(connector_id, "own")
        thing = Thing(
            "credential", account, here.ids[role], made["credentialId"], of=connector_id, label=label, mark=mark
        )
        return self._add(thing, secret=secret)

    def approval(self, server: Thing, connector_id: str, label: str = "") -> Thing:
        here = self.accounts[server.account]
        mark = f"mkapproval{secrets.token_hex(4)}"
        (own,) = [each for each in self.of("credential", server.account, "own") if each.user == server.user]
        arguments = {
            "connectorId": connector_id,
            "actionId": "deleteTask",
            "parameters": {"id": mark},
            "credentialId": own.id,
        }
        path = f"/api/servers/{server.id}/tools/execute_action_alloy"
        assert server.user
        answer = self.wire.ask("POST", path, here.acting(server.user), {"arguments": arguments})
        assert answer.status == 409, answer.text
        approval_id = answer.json()["error"]["details"]["approvalId"]
        return self._add(
            Thing("approval", server.account, server.user, approval_id, of=server.id, label=label, mark=mark)
        )

    def fresh(self, kind: str, account: str, role: str) -> Thing:
        """Something to destroy, and not among what is looked for."""
        kept, marks = list(self.things), dict(self.marks)
        try:
            return self._fresh(kind, account, role)
        finally:
            self.things, self.marks = kept, marks

    def _fresh(self, kind: str, account: str, role: str) -> Thing:
        here = self.accounts[account]
        number = secrets.token_hex(6)
        operator = OPERATOR
        if kind == "server":
            return self.server(account, role, "fresh")
        if kind == "credential":
            return self.credential(account, role, SHIPPED, "fresh")
        if kind == "approval":
            own = self.the("connector", account, label="own")
            return self.approval(self.the("server", account, role, "confirming"), own.id)
        if kind == "connector":
            body = {"id": f"fresh-{number}", "document": self.upstream.document()}
            return Thing(kind, account, None, self.wire.made("POST", "/connectors", here.operator, body)["id"])
        if kind == "config":
            of = self.the("connector", account, label="oauth").id
            body = {"connectorId": of, "clientId": number, "name": number}
            made = self.wire.made("POST", "/auth-configs", here.operator, body)
            return Thing(kind, account, None, made["authConfigId"], of=of)
        if kind in ("user", "key"):
            made = self.wire.made("POST", "/keys", here.operator, {"userId": f"fresh-{number}", "scopes": ["use"]})
            return Thing(kind, account, made["userId"], made["userId" if kind == "user" else "keyId"])
        if kind == "issuer":
            path = f"/accounts/{here.account_id}/jwt-issuers"
            body = {"issuer": f"urn:{number}", "algorithm": "HS256", "secret": number * 4}
            made = self.wire.made("POST", path, operator, body)
            return Thing(kind, account, None, made["issuerId"], of=here.account_id)
        assert kind == "account", kind
        made = self.wire.made("POST", "/accounts", operator, {"name": number})
        return Thing(kind, account, None, made["accountId"])


@contextmanager
def furnished(folder: Path, serve: Any, **settings: str) -> Iterator[World]:
    """The world in a service of its own, with platforms and an issuer on loopback."""
    from support import oauth_platform, upstream
    from support.issuer import issuing

    with (
        upstream.running() as tasks,
        oauth_platform.running(SignInPlatform) as platform,
        issuing() as issuer,
        serve(folder, **settings) as service,
    ):
        world = World(service, tasks, platform, issuer)  # type: ignore[arg-type]
        yield world
        world.wire.close()
