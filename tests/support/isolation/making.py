"""How a single thing comes to be there: for the world, and for those who need one to destroy."""

import secrets
import sqlite3
from typing import Any

from support.isolation.things import OPERATOR, SHIPPED, Account, Mark, Thing
from support.isolation.wire import Wire
from support.service import Service
from support.upstream import Upstream


class Making:
    """Makes things over REST, and keeps a record of them and of the texts that mark them."""

    def __init__(self, service: Service, upstream: Upstream) -> None:
        self.service, self.upstream = service, upstream
        self.wire = Wire(service.url)
        self.database = sqlite3.connect(service.data_dir / "toolgate.db", timeout=20)
        self.database.row_factory = sqlite3.Row
        self.things: list[Thing] = []
        self.marks: dict[str, Mark] = {}
        self.accounts: dict[str, Account] = {}
        # The token that a rotated server had before, by server id.
        self.old_tokens: dict[str, str] = {}
        # A connector of this id is there in each account.
        self.twin = f"twin-{secrets.token_hex(4)}"

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

    def server(self, account: str, role: str, label: str, *, headers: Any = None, **fields: Any) -> Thing:
        """A server of that user. Labelled `paused`, `rotated` or `expired` it has been so from its beginning."""
        here = self.accounts[account]
        headers = headers or here.acting(here.ids[role])
        mark, said = self.text(account, role, "server"), self.text(account, role, "instructions")
        body = {"name": mark, "customInstructions": said, "description": f"{mark} is described", **fields}
        made = self.wire.made("POST", "/api/servers", headers, body)
        token = self._brought_to(label, made, headers)
        users = (fields.get("restrictions") or {}).get("users", {}).get("allowedIds", ())
        thing = Thing(
            "server",
            account,
            here.ids[role],
            made["serverId"],
            public=fields.get("isPublic", False),
            allowed=frozenset(users),
            token=token,
            label=label,
            mark=mark,
        )
        self._add(thing)
        self._mark(Thing("token", account, thing.user, token), token)
        if token != made["accessToken"]:
            self.old_tokens[thing.id] = made["accessToken"]
            self._mark(Thing("token", account, thing.user, made["accessToken"]), made["accessToken"], secret=True)
        return self._mark(thing, said)

    def _brought_to(self, label: str, made: Any, headers: Any) -> str:
        """Do to a new server what its label says; the token that it has then."""
        path = f"/api/servers/{made['serverId']}"
        if label == "paused":
            self.wire.made("POST", f"{path}/pause", headers)
        if label == "expired":
            self.database.execute("UPDATE servers SET token_expires_at = 1 WHERE server_id = ?", [made["serverId"]])
            self.database.commit()
        if label == "rotated":
            return str(self.wire.made("POST", f"{path}/token", headers)["accessToken"])
        return str(made["accessToken"])

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

    def fresh(self, kind: str, account: str, role: str, label: str = "fresh") -> Thing:
        """Something to destroy, and not among what is looked for. `label` is a server's."""
        kept, marks = list(self.things), dict(self.marks)
        try:
            return self._fresh(kind, account, role, label)
        finally:
            self.things, self.marks = kept, marks

    def _fresh(self, kind: str, account: str, role: str, label: str) -> Thing:
        here = self.accounts[account]
        number = secrets.token_hex(6)
        operator = OPERATOR
        if kind == "server":
            return self.server(account, role, label)
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
