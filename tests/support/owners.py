"""Users with servers of their own, so that no test sees another's."""

import uuid
from typing import Any

import httpx

from support.service import Service


class Owner:
    """An operator's API key that stands for a user nobody else is."""

    def __init__(self, service: Service) -> None:
        self.user = f"user-{uuid.uuid4().hex}"
        service.run("keys", "create", "--user", self.user)
        self.http = service.client(x_alloy_userid=self.user)

    def create(self, name: str = "Production Server", **fields: Any) -> dict[str, Any]:
        return self.created(name, **fields).json()

    def created(self, name: str = "Production Server", **fields: Any) -> httpx.Response:
        """The answer itself, with its headers."""
        answer = self.http.post("/api/servers", json={"name": name, **fields})
        assert answer.status_code == 201, answer.text
        return answer


def path(server: dict[str, Any], *rest: str) -> str:
    return "/".join(["/api/servers", server["serverId"], *rest])


def refusal(answer: httpx.Response) -> tuple[int, str, Any]:
    """Status, code and what the details name."""
    error = answer.json()["error"]
    details = error["details"]
    return answer.status_code, error["code"], (details.get("field"), details.get("rule"))


def ping(server: dict[str, Any], url: str = "accessUrl", **headers: str) -> httpx.Response:
    """One MCP request by a server's token URL, or by its plain one."""
    body = {"jsonrpc": "2.0", "method": "ping", "id": 1}
    return httpx.post(server[url], json=body, headers=headers, trust_env=False)
