"""Sign-ins as a person, their browser and the platform go through them."""

import base64
import hashlib
import html
import re
import uuid
from dataclasses import dataclass, field
from typing import Any
from urllib.parse import parse_qsl, urlencode, urlsplit

import httpx

from support.oauth_platform import OAuthPlatform
from support.service import Service

CALLBACK = "/api/strategy/connector/{}/callback"


class SignInPlatform(OAuthPlatform):
    """A platform that also answers lists of accounts. `lists`: path -> JSON, for whoever has a token."""

    def __init__(self, url: str) -> None:
        super().__init__(url)
        self.lists: dict[str, Any] = {}

    async def __call__(self, scope: dict[str, Any], receive: Any, send: Any) -> None:
        if scope["path"] != "/authorize":
            await super().__call__(scope, receive, send)
            return
        # Somebody who consents at once, and a platform that goes another way around before it sends them back.
        asked = dict(parse_qsl(scope["query_string"].decode()))
        onward = f"/authorize?{urlencode({**asked, 'once': 'more'})}"
        if "once" in asked:
            onward = (
                f"{asked['redirect_uri']}?{urlencode({'code': 'a-code', 'state': asked['state'], 'iss': self.url})}"
            )
        head = [(b"location", onward.encode()), (b"content-length", b"0")]
        await send({"type": "http.response.start", "status": 302, "headers": head})
        await send({"type": "http.response.body", "body": b""})

    async def _answer(self, path: str, headers: dict[str, str], body: bytes) -> tuple[int, Any, dict[str, str]]:
        found = await super()._answer(path, headers, body)
        return (200, self.lists[path], {}) if path in self.lists and found[0] == 200 else found


@dataclass
class Asked:
    """An authorization request as the platform sees it."""

    url: str
    query: dict[str, str]

    @classmethod
    def of(cls, location: str) -> "Asked":
        parts = urlsplit(location)
        pairs = parse_qsl(parts.query, keep_blank_values=True)
        query = dict(pairs)
        assert len(query) == len(pairs), "no parameter twice (RFC 6749, section 3.1)"
        return cls(f"{parts.scheme}://{parts.netloc}{parts.path}", query)


def browser(service: Service) -> httpx.Client:
    """A person's browser: cookies, no key, and every redirect is looked at."""
    client = httpx.Client(base_url=service.url, timeout=30, trust_env=False)
    service.clients.append(client)
    return client


def form_of(page: httpx.Response) -> dict[str, str]:
    """The hidden fields of a page's form."""
    assert page.headers["content-type"] == "text/html; charset=utf-8"
    return {
        name: html.unescape(value)
        for name, value in re.findall(r'type="hidden" name="(\w+)" value="([^"]*)"', page.text)
    }


def s256(verifier: str) -> str:
    return base64.urlsafe_b64encode(hashlib.sha256(verifier.encode()).digest()).decode().rstrip("=")


@dataclass
class Office:
    """One connector with an auth config, and what is asked of the service for it."""

    service: Service
    platform: SignInPlatform
    connector_id: str = field(default_factory=lambda: f"ledger-{uuid.uuid4().hex[:10]}")
    secret: str = field(default_factory=lambda: f"client-secret-{uuid.uuid4().hex}")

    def __post_init__(self) -> None:
        self.api = self.service.client()

    def open(self, document: dict[str, Any] | None = None, **config: Any) -> "Office":
        body = {"id": self.connector_id, "document": document or self.platform.document()}
        made = self.api.post("/connectors", json=body)
        assert made.status_code == 201, made.text
        self.config = self.configure(**config)
        return self

    def configure(self, **config: Any) -> dict[str, Any]:
        values = {"connectorId": self.connector_id, "clientId": "the-client", "clientSecret": self.secret, **config}
        made = self.api.post("/auth-configs", json={k: v for k, v in values.items() if v is not None})
        assert made.status_code == 201, made.text
        answer: dict[str, Any] = made.json()
        return answer

    def ask(self, **body: Any) -> httpx.Response:
        wanted = {"userId": "me", "authenticationType": "oauth2", **body}
        return self.api.post(f"/connectors/{self.connector_id}/credentials", json=wanted)

    def link(self, **body: Any) -> str:
        answer = self.ask(**body)
        assert answer.status_code == 200, answer.text
        return str(answer.json()["oauthUrl"])

    def send(self, person: httpx.Client, link: str) -> Asked:
        """Open the link, press the button: what the platform is asked."""
        answer = person.post(link, data=form_of(person.get(link)))
        assert answer.status_code == 303, answer.text
        return Asked.of(answer.headers["location"])

    def back(self, person: httpx.Client, **query: str) -> httpx.Response:
        return person.get(CALLBACK.format(self.connector_id), params=query)

    def connect(self, person: httpx.Client | None = None, **body: Any) -> httpx.Response:
        """The whole way, to the last answer."""
        person = person or browser(self.service)
        asked = self.send(person, self.link(**body))
        return self.back(person, code="the-code", state=asked.query["state"])

    def credentials(self, user_id: str | None = None) -> list[dict[str, Any]]:
        query = {"userId": user_id} if user_id else {}
        answer = self.api.get(f"/connectors/{self.connector_id}/credentials", params=query)
        assert answer.status_code == 200, answer.text
        found: list[dict[str, Any]] = answer.json()["credentials"]
        return found

    def call(self, credential_id: str) -> httpx.Response:
        body = {"credentialId": credential_id}
        return self.api.post(f"/connectors/{self.connector_id}/actions/listItems/execute", json=body)
