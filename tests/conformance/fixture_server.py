"""The server that the official suite talks to, made through the product: a connector registered, a server created."""

import contextlib
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import httpx
import yaml
from fixture_platform import Platform

from support.loopback import on_loopback
from support.service import Service, free_port, serving

CONNECTOR = "conformance"
DOCUMENT = Path(__file__).with_name("fixtures") / "connector.yaml"


@contextlib.contextmanager
def offered(folder: Path, http: str) -> Iterator[tuple[Service, str]]:
    """A running Toolgate under the HTTP parser `http`, and the token URL of a server that offers the fixtures."""
    platform, port = Platform(), free_port()
    with on_loopback(lambda _: platform, port), serving(folder, TOOLGATE_HTTP=http) as service:
        client = service.client()
        document = yaml.safe_load(DOCUMENT.read_text())
        registered = {
            "id": CONNECTOR,
            "document": document,
            "baseUrl": f"http://127.0.0.1:{port}",
            "auth": {"type": "none"},
        }
        _ok(client.post("/connectors", json=registered))
        changing = ["make_changing_prompt", "test_changing_tool"]
        made = _ok(
            client.post(
                "/api/servers", json={"name": "Conformance", "mode": "direct", "restrictions": _restrictions(changing)}
            )
        )
        platform.toggle = _Toggle(service, made["serverId"], changing)
        yield service, made["accessUrl"]


def _restrictions(blocked: list[str]) -> dict[str, Any]:
    return {
        "connectors": {"mode": "allowlist", "allowedIds": [CONNECTOR]},
        "actions": {"blockedActions": blocked},
    }


class _Toggle:
    """Blocks an action of the server, or lets it again, as its owner would: lists change only by configuration."""

    def __init__(self, service: Service, server_id: str, blocked: list[str]) -> None:
        self._service = service
        self._server_id = server_id
        self._blocked = set(blocked)

    async def __call__(self, action: str) -> None:
        self._blocked ^= {action}
        headers = {"Authorization": f"Bearer {self._service.key}"}
        async with httpx.AsyncClient(base_url=self._service.url, headers=headers, trust_env=False) as client:
            changed = {"restrictions": _restrictions(sorted(self._blocked))}
            _ok(await client.put(f"/api/servers/{self._server_id}", json=changed))


def _ok(response: httpx.Response) -> Any:
    assert response.is_success, f"{response.request.url.path}: {response.status_code} {response.text}"
    return response.json()
