"""Clients that write in many ways at once, over REST and MCP, until the service is gone."""

import random
from collections.abc import Callable
from typing import Any

import httpx
from ledger import ANY, Key, Ledger, Stop

from support.service import Service
from support.upstream import Upstream

CONNECTOR = "stand-in"
# Long enough for a value to span pages of the database: half of it would show.
BULK = 6_000


def long(word: str) -> str:
    return f"{word} " + word * (BULK // len(word))


class Loader:
    """One client: a user of its own, with things of its own."""

    def __init__(self, service: Service, platform: Upstream, name: str, seed: int) -> None:
        self.name = name
        self.platform = platform
        self.chance = random.Random(seed)
        self.ledger = Ledger()
        self.counted = 0
        self.answers = 0
        # Idempotency-Key -> path, body, and the answer where one came.
        self.keyed: dict[str, tuple[str, dict[str, Any], httpx.Response | None]] = {}
        self.keys: dict[str, str] = {}
        with service.client() as operator:
            self.user = operator.post("/users", json={"username": name}).json()["userId"]
            made = operator.post("/keys", json={"userId": self.user}).json()
        self.own_key: str = made["key"]
        self.own_key_id: str = made["keyId"]
        self.connect(service)
        credential = {"userId": "me", "authenticationType": "bearer", "name": "own", "data": {"token": f"{name}-own"}}
        with self.ledger.asking("credential.create", {("credential", "own"): f"{name}-own"}):
            self.own_credential = self.post(f"/connectors/{CONNECTOR}/credentials", credential).json()["credentialId"]
        self.create_server()

    def connect(self, service: Service) -> None:
        self.http = httpx.Client(
            base_url=service.url, headers={"Authorization": f"Bearer {self.own_key}"}, timeout=30, trust_env=False
        )

    def run(self) -> None:
        """Write until the service is gone."""
        operations: list[Callable[[], None]] = [
            self.create_server,
            self.create_server_under_a_key,
            self.update_server,
            self.pause_server,
            self.delete_server,
            self.rotate_token,
            self.create_credential,
            self.replace_credential,
            self.delete_credential,
            self.create_user,
            self.update_user,
            self.delete_user,
            self.create_key,
            self.revoke_key,
            self.upload_connector,
            self.replace_connector,
            self.delete_connector,
            self.execute,
            self.execute_under_a_key,
            self.execute_over_mcp,
        ]
        try:
            while True:
                self.chance.choice(operations)()
                self.answers += 1
        except Stop:
            self.http.close()

    # --- how it is asked

    def ask(self, method: str, path: str, body: Any = None, key: str | None = None) -> httpx.Response:
        headers = {"Idempotency-Key": key} if key else {}
        try:
            answer = self.http.request(method, path, json=body, headers=headers)
        except httpx.TransportError:
            raise Stop from None
        assert answer.status_code in (200, 201), f"{method} {path}: {answer.status_code} {answer.text}"
        return answer

    def post(self, path: str, body: Any = None, key: str | None = None) -> httpx.Response:
        return self.ask("POST", path, body, key)

    def new_name(self, kind: str) -> str:
        self.counted += 1
        return f"{self.name} {kind} {self.counted}"

    def some(self, kind: str) -> str | None:
        """The name of one of its things, or None."""
        names = [name for found, name in self.ledger.facts if found == kind and name != "own"]
        return self.chance.choice(names) if names else None

    def path_of(self, kind: str, name: str) -> str:
        return str(self.ledger.facts[(f"path of {kind}", name)])

    # --- servers

    def create_server(self, key: str | None = None) -> None:
        name, word = self.new_name("server"), f"v{self.counted}"
        becomes: dict[Key, Any] = {
            ("server", name): (word, False),
            ("token", name): ANY,
            ("path of server", name): ANY,
        }
        body = {"name": name, "description": word, "customInstructions": long(word)}
        if key:
            self.keyed[key] = ("/api/servers", body, None)
        with self.ledger.asking("server.create", becomes) as outcome:
            answer = self.post("/api/servers", body, key)
            made = answer.json()
            outcome["token", name] = made["accessUrl"]
            outcome["path of server", name] = f"/api/servers/{made['serverId']}"
        if key:
            self.keyed[key] = ("/api/servers", body, answer)

    def create_server_under_a_key(self) -> None:
        self.create_server(key=self.new_name("key").replace(" ", "-"))

    def update_server(self) -> None:
        if name := self.some("server"):
            self.counted += 1
            word = f"v{self.counted}"
            paused = self.ledger.facts["server", name][1]
            with self.ledger.asking("server.update", {("server", name): (word, paused)}):
                body = {"description": word, "customInstructions": long(word)}
                self.ask("PUT", self.path_of("server", name), body)

    def pause_server(self) -> None:
        if name := self.some("server"):
            word, paused = self.ledger.facts["server", name]
            with self.ledger.asking(
                "server.resume" if paused else "server.pause", {("server", name): (word, not paused)}
            ):
                self.post(f"{self.path_of('server', name)}/{'resume' if paused else 'pause'}")

    def delete_server(self) -> None:
        name = self.some("server")
        # One stays, to be called.
        if name and sum(kind == "server" for kind, _ in self.ledger.facts) > 1:
            gone = dict.fromkeys([("server", name), ("token", name), ("path of server", name)])
            with self.ledger.asking("server.delete", gone):
                self.ask("DELETE", self.path_of("server", name))

    def rotate_token(self) -> None:
        if name := self.some("server"):
            with self.ledger.asking("server.rotate-token", {("token", name): ANY}) as outcome:
                outcome["token", name] = self.post(f"{self.path_of('server', name)}/token", {}).json()["accessUrl"]

    # --- credentials, users, keys

    def create_credential(self) -> None:
        name = self.new_name("credential")
        body = {"userId": "me", "authenticationType": "bearer", "name": name, "data": {"token": name}}
        becomes: dict[Key, Any] = {("credential", name): name, ("path of credential", name): ANY}
        with self.ledger.asking("credential.create", becomes) as outcome:
            made = self.post(f"/connectors/{CONNECTOR}/credentials", body).json()["credentialId"]
            outcome["path of credential", name] = f"/connectors/{CONNECTOR}/credentials/{made}"

    def replace_credential(self) -> None:
        if name := self.some("credential"):
            secret = self.new_name("secret")
            with self.ledger.asking("credential.replace", {("credential", name): secret}):
                body = {"authenticationType": "bearer", "data": {"token": secret}}
                self.ask("PUT", self.path_of("credential", name), body)

    def delete_credential(self) -> None:
        if name := self.some("credential"):
            gone = dict.fromkeys([("credential", name), ("path of credential", name)])
            with self.ledger.asking("credential.delete", gone):
                self.ask("DELETE", self.path_of("credential", name))

    def create_user(self) -> None:
        name = self.new_name("user")
        becomes: dict[Key, Any] = {("user", name): long(name)[:100], ("path of user", name): ANY}
        with self.ledger.asking("user.create", becomes) as outcome:
            made = self.post("/users", {"username": name, "fullName": long(name)[:100]}).json()["userId"]
            outcome["path of user", name] = f"/users/{made}"

    def update_user(self) -> None:
        if name := self.some("user"):
            full_name = self.new_name("person")
            with self.ledger.asking("user.update", {("user", name): full_name}):
                self.ask("PATCH", self.path_of("user", name), {"fullName": full_name})

    def delete_user(self) -> None:
        if name := self.some("user"):
            with self.ledger.asking("user.delete", dict.fromkeys([("user", name), ("path of user", name)])):
                self.ask("DELETE", self.path_of("user", name))

    def create_key(self) -> None:
        with self.ledger.asking("key.create", {("key", "?"): ANY}) as outcome:
            made = self.post("/keys", {"userId": self.user, "scopes": ["use"]}).json()
            outcome.pop(("key", "?"))
            outcome["key", made["keyId"]] = "in force"
        self.keys[made["keyId"]] = made["key"]

    def revoke_key(self) -> None:
        alive = [name for (kind, name), value in self.ledger.facts.items() if kind == "key" and value == "in force"]
        if alive:
            key_id = self.chance.choice(alive)
            with self.ledger.asking("key.revoke", {("key", key_id): "revoked"}):
                self.ask("DELETE", f"/keys/{key_id}")

    # --- connectors and actions

    def document(self, word: str) -> dict[str, Any]:
        document = self.platform.document()
        document["info"]["description"] = long(word)
        document["paths"][f"/{word}"] = document["paths"].pop("/slow")
        return document

    def upload_connector(self) -> None:
        name, word = self.new_name("c").replace(" ", "-"), f"v{self.counted}"
        # Each is a catalogue to index: a few are enough.
        if sum(kind == "connector" for kind, _ in self.ledger.facts) < 2:
            with self.ledger.asking("connector.create", {("connector", name): word}):
                self.post("/connectors", {"id": name, "document": self.document(word)})

    def replace_connector(self) -> None:
        if name := self.some("connector"):
            self.counted += 1
            word = f"v{self.counted}"
            with self.ledger.asking("connector.replace", {("connector", name): word}):
                self.ask("PUT", f"/connectors/{name}", {"document": self.document(word)})

    def delete_connector(self) -> None:
        if name := self.some("connector"):
            with self.ledger.asking("connector.delete", {("connector", name): None}):
                self.ask("DELETE", f"/connectors/{name}")

    def execute(self, key: str | None = None) -> None:
        mark = self.new_name("run").replace(" ", "-")
        path = f"/connectors/{CONNECTOR}/actions/getTask/execute"
        body = {"pathParams": {"id": mark}, "credentialId": self.own_credential}
        if key:
            self.keyed[key] = (path, body, None)
        self.ledger.unsure.append(mark)
        with self.ledger.asking("action.execute", {}):
            answer = self.post(path, body, key)
        self.ledger.executed.append(self.ledger.unsure.pop())
        if key:
            self.keyed[key] = (path, body, answer)

    def execute_under_a_key(self) -> None:
        self.execute(key=self.new_name("key").replace(" ", "-"))

    def execute_over_mcp(self) -> None:
        running = [name for (kind, name), value in self.ledger.facts.items() if kind == "server" and not value[1]]
        if not running:
            return
        mark = self.new_name("run").replace(" ", "-")
        asked = {"connectorId": CONNECTOR, "actionId": "getTask", "parameters": {"id": mark}}
        asked["credentialId"] = self.own_credential
        message = {
            "jsonrpc": "2.0",
            "id": 1,
            "method": "tools/call",
            "params": {"name": "execute_action_alloy", "arguments": asked},
        }
        self.ledger.unsure.append(mark)
        with self.ledger.asking("action.execute", {}):
            answer = self.post(self.ledger.facts["token", self.chance.choice(running)], message).json()
            assert not answer["result"].get("isError"), answer
        self.ledger.executed.append(self.ledger.unsure.pop())
