"""Three accounts with three users each, and of everything that is stored something of each; all of it is marked.

`O` is the operator's own account, `A` and `B` are two others. In each there are `admin` (the same id in all three),
`mate`, a colleague, and `gone`, who is disabled once everything of theirs is there.
"""

import hashlib
import re
import secrets
import sqlite3
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from cryptography.hazmat.primitives.asymmetric import ec

from support import oauth_platform, upstream
from support.isolation.making import Making
from support.isolation.things import ACCOUNTS, JWT_OWN_SECRET, OPERATOR, SHIPPED, Account, Thing, any_of, publishing
from support.issuer import Issuer, issuing, pem, rsa_key
from support.service import API_KEY, Service
from support.sign_ins import Office, SignInPlatform
from support.upstream import Upstream


class World(Making):
    """All of it, and what is to be known of it."""

    def __init__(self, service: Service, upstream: Upstream, platform: SignInPlatform, issuer: Issuer) -> None:
        super().__init__(service, upstream)
        self._before = sqlite3.connect(service.data_dir / "toolgate.db", timeout=20, isolation_level=None)
        self.platform, self.issuer = platform, issuer
        self.links: dict[tuple[str, str], str] = {}
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
        self._any = re.compile(any_of(list(self.marks)))

    # What there is.

    def found(self, text: str) -> set[str]:
        """The marks that stand in an answer."""
        return set(self._any.findall(text))

    def count(self, sql: str, *values: Any) -> int:
        return int(self.database.execute(sql, values).fetchone()[0])

    def version(self) -> int:
        """Another number as soon as anything at all was written by the service."""
        return self.count("PRAGMA data_version")

    def close(self) -> None:
        self.wire.close()
        self._before.close()
        self.database.close()

    @contextmanager
    def holding(self) -> Iterator[None]:
        """Keep what is stored now in sight (SQLite, isolation in WAL mode): `changed` compares with it."""
        self._before.execute("BEGIN")
        self._before.execute("SELECT 1 FROM sqlite_schema").fetchone()
        try:
            yield
        finally:
            self._before.rollback()

    def changed(self, own: tuple[str, str]) -> list[tuple[str, str]]:
        """Of whom (account, user) something is not as it was; by account alone for what has no user.

        That somebody was refused may be on record in their `own` name (account, user), and in nobody else's.
        """
        before, now = (self._state(database, own) for database in (self._before, self.database))
        return sorted(key for key in before | now if before.get(key) != now.get(key))

    def _state(self, database: sqlite3.Connection, own: tuple[str, str]) -> dict[tuple[str, str], str]:
        """A digest of everything that is stored."""
        found: dict[tuple[str, str], Any] = {}
        for table, user in self._tables().items():
            shown = "COUNT(*), MAX(audit_id)" if table == "audit" else "*"
            grouped = "GROUP BY 1, 2" if table == "audit" else "ORDER BY 3"
            for row in database.execute(f"SELECT account_id, {user}, {shown} FROM {table} {grouped}"):
                key = (str(row[0]), str(row[1]))
                if table == "audit" and key == own:
                    continue
                found.setdefault(key, hashlib.sha256()).update(repr((table, tuple(row))).encode())
        return {key: digest.hexdigest() for key, digest in found.items()}

    def _tables(self) -> dict[str, str]:
        """The tables whose rows belong to an account, and where their user stands."""
        names = [row[0] for row in self.database.execute("SELECT name FROM sqlite_schema WHERE type = 'table'")]
        columns = {name: {row["name"] for row in self.database.execute(f"PRAGMA table_info({name})")} for name in names}
        return {
            name: "user_id" if "user_id" in found else "''" for name, found in columns.items() if "account_id" in found
        }

    # How it comes to be there.

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
        ended = ("2020-01-01T00:00:00.000Z", account.key_ids["expired"])
        self.database.execute("UPDATE api_keys SET expires_at = ? WHERE key_id = ?", ended)
        self.database.commit()
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
            published = self.text(name, "all", "published")
            document = self.upstream.document(**publishing(connector_id, published))
            body = {"id": connector_id, "name": mark, "document": document}
            self.wire.made("POST", "/connectors", account.operator, body)
            self._mark(self._add(Thing("connector", name, None, connector_id, label=label, mark=mark)), published)
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
        for label in ("paused", "rotated", "expired"):
            self.server(name, role, label, isPublic=True)
        confirming = self.server(name, role, "confirming", confirmDestructive=True)
        for connector_id in (SHIPPED, own, self.twin):
            self.credential(name, role, connector_id)
        office.api = self.service.client(Authorization=f"Bearer {account.keys['both']}", x_alloy_userid=user_id)
        for label in ("oauth", "dead"):
            mark = self.text(name, role, f"credential{label}")
            answer = office.connect(name=mark)
            assert answer.status_code == 200, answer.text
            (kept,) = [found["credentialId"] for found in office.credentials() if found["name"] == mark]
            self._add(Thing("credential", name, user_id, kept, of=office.connector_id, label=label, mark=mark))
        self.database.execute("UPDATE credentials SET dead = 1 WHERE credential_id = ?", [kept])
        self.database.commit()
        self.links[name, role] = office.link(name=self.text(name, role, "link"))
        self._add(Thing("link", name, user_id, self.links[name, role].rsplit("=", 1)[1], of=office.connector_id))
        self.approval(confirming, own)
        call = {"arguments": {"connectorId": own, "actionId": "listTasks", "parameters": {}}}
        private = self.the("server", name, role, "private")
        self.wire.made("POST", f"/api/servers/{private.id}/tools/execute_action_alloy", acting, call)


@contextmanager
def furnished(folder: Path, serve: Any, **settings: str) -> Iterator[World]:
    """The world in a service of its own, with platforms and an issuer on loopback."""
    with (
        upstream.running() as tasks,
        oauth_platform.running(SignInPlatform) as platform,
        issuing() as issuer,
        serve(folder, **settings) as service,
    ):
        world = World(service, tasks, platform, issuer)  # type: ignore[arg-type]
        yield world
        world.close()
