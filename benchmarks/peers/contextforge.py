"""ContextForge with nothing on that it can do without: how it is set up, and how its tools are made over its REST API.

One worker, SQLite, caches in memory, no sessions, JSON answers; no sign-in at its MCP endpoint; no page, plugins,
compression, metrics, traces or request log.
"""

import base64
import hashlib
import hmac
import http.client
import json
import time
from collections.abc import Mapping
from pathlib import Path
from typing import Any

ARGUMENTS = ("-m", "uvicorn", "mcpgateway.main:app", "--workers", "1", "--loop", "uvloop", "--no-access-log", "--port")
_JWT_SECRET = "benchmark-jwt-secret-0123456789abcdef"
_ADMIN = "admin@example.com"
_OFF = (
    "MCP_REQUIRE_AUTH", "MCPGATEWAY_UI_ENABLED", "MCPGATEWAY_ADMIN_API_ENABLED", "MCPGATEWAY_CATALOG_ENABLED",
    "MCPGATEWAY_A2A_ENABLED", "PLUGINS_ENABLED", "COMPRESSION_ENABLED", "STRUCTURED_LOGGING_ENABLED",
    "USE_STATEFUL_SESSIONS", "DB_METRICS_RECORDING_ENABLED", "OTEL_ENABLE_OBSERVABILITY", "OBSERVABILITY_ENABLED",
    "SSRF_PROTECTION_ENABLED", "REQUIRE_STRONG_SECRETS", "ADMIN_REQUIRE_PASSWORD_CHANGE_ON_BOOTSTRAP",
    "DETECT_DEFAULT_PASSWORD_ON_LOGIN", "RATE_LIMITING_ENABLED",
)  # fmt: skip


def settings(folder: Path) -> dict[str, str]:
    """Its environment; the database lies in `folder`."""
    return {
        **dict.fromkeys(_OFF, "false"),
        "DATABASE_URL": f"sqlite:///{folder.absolute()}/contextforge.db",
        "CACHE_TYPE": "memory",
        "JSON_RESPONSE_ENABLED": "true",
        "LOG_LEVEL": "ERROR",
        "JWT_SECRET_KEY": _JWT_SECRET,
        "AUTH_ENCRYPTION_SECRET": "benchmark-encryption-secret-0123456789",
        "PLATFORM_ADMIN_EMAIL": _ADMIN,
        "PLATFORM_ADMIN_PASSWORD": "Benchmark-Passw0rd-123456",
        "TOOL_RATE_LIMIT": "1000000",
        "TOOL_CONCURRENT_LIMIT": "1000",
        "HEALTH_CHECK_INTERVAL": "3600",
    }


def register(port: int, document: Mapping[str, Any], upstream: str, token: str) -> None:
    """Make one tool for each operation of the document. SystemExit where one is refused."""
    connection = http.client.HTTPConnection("127.0.0.1", port, timeout=60)
    headers = {"Authorization": f"Bearer {_jwt()}", "Content-Type": "application/json"}
    for path, item in document["paths"].items():
        for method, operation in item.items():
            tool = {
                "name": operation["operationId"],
                "url": upstream + path,
                "integration_type": "REST",
                "request_type": method.upper(),
                "description": operation["summary"],
                "headers": {"Authorization": f"Bearer {token}"},
                "input_schema": _input_schema(operation),
                "visibility": "public",
            }
            connection.request("POST", "/tools", json.dumps({"tool": tool}), headers)
            answer = connection.getresponse()
            said = answer.read()
            if answer.status not in (200, 201):
                raise SystemExit(f"ContextForge refused a tool: {answer.status} {said[:300].decode(errors='replace')}")
    connection.close()


def _input_schema(operation: Mapping[str, Any]) -> dict[str, Any]:
    properties = {parameter["name"]: parameter["schema"] for parameter in operation.get("parameters", ())}
    required = [parameter["name"] for parameter in operation.get("parameters", ()) if parameter.get("required")]
    if "requestBody" in operation:
        schema = operation["requestBody"]["content"]["application/json"]["schema"]
        properties |= schema["properties"]
        required += schema["required"]
    return {"type": "object", "properties": properties, "required": required}


def _jwt() -> str:
    now = int(time.time())
    claims = {
        "sub": _ADMIN, "username": _ADMIN, "iat": now, "exp": now + 86_400, "jti": f"benchmark-{now}",
        "iss": "mcpgateway", "aud": "mcpgateway-api", "is_admin": True, "teams": None,
        "user": {"email": _ADMIN, "full_name": "Benchmark", "is_admin": True, "auth_provider": "cli"},
    }  # fmt: skip
    signed = b".".join(_encoded(json.dumps(part).encode()) for part in ({"alg": "HS256", "typ": "JWT"}, claims))
    return (signed + b"." + _encoded(hmac.digest(_JWT_SECRET.encode(), signed, hashlib.sha256))).decode()


def _encoded(data: bytes) -> bytes:
    return base64.urlsafe_b64encode(data).rstrip(b"=")
