"""A platform with actions that destroy, and one way to call them at each door."""

import json
import uuid
from collections.abc import Callable
from typing import Any, ClassVar

import httpx

from support.owners import Owner
from support.service import Service
from support.upstream import Upstream

MODERN = "2026-07-28"
LEGACY = "2025-11-25"
PREFIX = "io.modelcontextprotocol/"
FORMS = {"elicitation": {"form": {}}}
QUESTION = "toolgate.confirm"
# Action -> whether it reads, and whether it destroys.
ACTIONS = {
    "listTasks": (True, False),
    "searchTasks": (True, False),
    "purgeByGet": (False, True),
    "createTask": (False, False),
    "replaceTask": (False, False),
    "deleteTask": (False, True),
    "dropDraft": (False, False),
    "archiveTask": (False, True),
    "badArchive": (False, True),
}


def document(upstream: Upstream, **x_connector: Any) -> dict[str, Any]:
    """Its OpenAPI document; nothing in it needs a credential."""
    path = {"name": "id", "in": "path", "required": True, "schema": {"type": "string"}}
    schema = {"type": "object", "properties": {"title": {"type": "string"}, "password": {"type": "string"}}}
    body = {"content": {"application/json": {"schema": schema}}}

    def operation(name: str, *, by_id: bool = False, **fields: Any) -> dict[str, Any]:
        taken = {"parameters": [path]} if by_id else {}
        return {"operationId": name, "summary": name, "responses": {"200": {"description": "ok"}}, **taken, **fields}

    return {
        "openapi": "3.0.3",
        "info": {"title": "Tasks", "version": "1"},
        "servers": [{"url": upstream.url}],
        "x-connector": x_connector,
        "paths": {
            "/tasks": {
                "get": operation("listTasks"),
                "post": operation("createTask", requestBody=body),
            },
            "/search": {"post": operation("searchTasks", requestBody=body, **{"x-read-only": True})},
            "/purge": {"get": operation("purgeByGet", **{"x-destructive": True})},
            "/tasks/{id}": {
                "put": operation("replaceTask", by_id=True, requestBody=body),
                "delete": operation("deleteTask", by_id=True),
            },
            "/drafts/{id}": {"delete": operation("dropDraft", by_id=True, **{"x-destructive": False})},
            "/tasks/{id}/archive": {
                "post": operation("archiveTask", by_id=True, requestBody=body, **{"x-destructive": True})
            },
            # Says that it reads and that it destroys: the worse counts.
            "/archive": {"post": operation("badArchive", **{"x-read-only": True, "x-destructive": True})},
        },
    }


class Place:
    """A server with that platform alone, and its doors. All places of one service have the same owner."""

    _owners: ClassVar[dict[str, Owner]] = {}

    def __init__(self, service: Service, upstream: Upstream, connector: str, **fields: Any) -> None:
        self.service, self.upstream, self.connector = service, upstream, connector
        if service.url not in self._owners:
            self._owners[service.url] = Owner(service)
        self.owner = self._owners[service.url]
        allowed = {"connectors": {"mode": "allowlist", "allowedIds": [connector]}}
        self.server = self.owner.create(f"place {uuid.uuid4().hex[:8]}", restrictions=allowed, **fields)
        self.path = f"/api/servers/{self.server['serverId']}"

    def ran(self) -> int:
        return len(self.upstream.received)

    def execute(self, action: str, parameters: Any = None) -> tuple[str, dict[str, Any]]:
        """The tool that runs an action here, and its arguments."""
        given = parameters or {}
        if self.server["mode"] == "direct":
            return action, given
        return "execute_action_alloy", {"connectorId": self.connector, "actionId": action, "parameters": given}

    def rpc(
        self,
        method: str,
        params: dict[str, Any],
        *,
        revision: str = MODERN,
        capabilities: dict[str, Any] | None = None,
        url: str = "",
        **headers: str,
    ) -> dict[str, Any]:
        """One MCP request by the token URL, and its whole answer."""
        shown = {"MCP-Protocol-Version": revision, "Accept": "application/json, text/event-stream", **headers}
        if revision == MODERN:
            shown |= {"Mcp-Method": method, "Mcp-Name": params.get("name", params.get("uri", ""))}
            about = {f"{PREFIX}protocolVersion": MODERN, f"{PREFIX}clientCapabilities": capabilities or {}}
            params = {**params, "_meta": about}
        body = {"jsonrpc": "2.0", "id": 1, "method": method, "params": params}
        answer = httpx.post(url or self.server["accessUrl"], json=body, headers=shown, trust_env=False, timeout=20)
        found: dict[str, Any] = answer.json()
        return found

    def asking(self, action: str, parameters: Any = None, **more: Any) -> dict[str, Any]:
        """What a client that can show forms is answered: the result, or the error."""
        name, arguments = self.execute(action, parameters)
        answer = self.rpc("tools/call", {"name": name, "arguments": arguments, **more}, capabilities=FORMS)
        found: dict[str, Any] = answer.get("result") or answer["error"]
        return found

    def modern(self, action: str, parameters: Any = None, **headers: str) -> tuple[int, dict[str, Any]]:
        return self._said(MODERN, action, parameters, headers)

    def legacy(self, action: str, parameters: Any = None, **headers: str) -> tuple[int, dict[str, Any]]:
        return self._said(LEGACY, action, parameters, headers)

    def rest(self, action: str, parameters: Any = None, **headers: str) -> tuple[int, dict[str, Any]]:
        name, arguments = self.execute(action, parameters)
        answer = self.owner.http.post(f"{self.path}/tools/{name}", json={"arguments": arguments}, headers=headers)
        found = answer.json()
        return answer.status_code, found["result"] if "result" in found else found["error"]

    def _said(self, revision: str, action: str, parameters: Any, headers: dict[str, str]) -> tuple[int, dict[str, Any]]:
        """200 and the result, or as over REST the status and body of the refusal."""
        name, arguments = self.execute(action, parameters)
        answer = self.rpc("tools/call", {"name": name, "arguments": arguments}, revision=revision, **headers)
        if "error" in answer:
            return 400, answer["error"]
        result = answer["result"]
        said = json.loads(result["content"][0]["text"])
        if not result.get("isError"):
            return 200, said
        status = {"CONFLICT": 409, "FORBIDDEN": 403, "ACTION_NOT_FOUND": 404, "INVALID_REQUEST": 400}
        return status[said["error"]["code"]], said["error"]

    def decide(self, approval_id: str, decision: str = "approve") -> httpx.Response:
        return self.owner.http.post(f"{self.path}/approvals/{approval_id}", json={"decision": decision})

    def approvals(self, **params: Any) -> list[dict[str, Any]]:
        found: list[dict[str, Any]] = self.owner.http.get(f"{self.path}/approvals", params=params).json()["approvals"]
        return found

    def events(self) -> list[str]:
        """What is on record here, the oldest first, without how the server came to be."""
        rows = self.owner.http.get(f"{self.path}/activity", params={"limit": 1000}).json()["activity"]
        return [row["event"] for row in reversed(rows) if row["event"] != "server.create"]


Door = Callable[..., tuple[int, dict[str, Any]]]
# Doors whose callers cannot be asked.
DOORS = ("modern", "legacy", "rest")
