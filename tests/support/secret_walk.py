"""A run through everything that the service can be asked, with a secret wherever one can be given."""

import contextlib
import json
import re
import time
import uuid
from collections import defaultdict
from dataclasses import dataclass, field
from typing import Any
from urllib.parse import parse_qsl, quote, urlsplit

import httpx

from gateway.contract import load_document
from support.echoing import ECHOES, Echoing
from support.jwts import token as jwt
from support.secrecy import AWKWARD, MORE_AWKWARD, Secrets
from support.service import Service, free_port
from support.sign_ins import CALLBACK, Office, SignInPlatform, browser, form_of

DOCUMENT = load_document()
METHODS = ("get", "put", "post", "delete", "patch")
OPERATIONS = {
    item[method]["operationId"]: (method.upper(), path, item[method])
    for path, item in DOCUMENT["paths"].items()
    for method in METHODS
    if method in item
}
_PATTERNS = [
    (name, method, re.compile(re.sub(r"\\\{\w+\\\}", "[^/]+", re.escape(path)) + r"\Z"))
    for name, (method, path, _) in OPERATIONS.items()
]


def operation_of(method: str, path: str) -> str:
    """The operationId; `-` for a path that is none's."""
    literal = [name for name, (verb, known, _) in OPERATIONS.items() if (verb, known) == (method, path)]
    found = literal or [name for name, verb, pattern in _PATTERNS if verb == method and pattern.match(path)]
    return found[0] if found else "-"


@dataclass
class Said:
    """One answer: its head and body as they came."""

    operation: str
    status: int
    text: bytes
    # What the request itself held.
    asked: bytes


class TalkativePlatform(SignInPlatform):
    """Hands out tokens that are known to the run, and repeats what it is sent in its errors."""

    secrets: Secrets

    def _new(self) -> tuple[str, str]:
        access, refresh = self.secrets.new("access token"), self.secrets.new("refresh token")
        self.access.add(access)
        self.refresh.add(refresh)
        return access, refresh

    async def _answer(self, path: str, headers: dict[str, str], body: bytes) -> tuple[int, Any, dict[str, str]]:
        if path == "/token":
            verifier = dict(parse_qsl(body.decode())).get("code_verifier")
            if verifier:
                self.secrets.add("PKCE verifier", verifier)
        return await super()._answer(path, headers, body)


@dataclass
class Walk:
    service: Service
    secrets: Secrets
    echo: Echoing
    oauth: TalkativePlatform
    jwt_secret: str
    said: list[Said] = field(default_factory=list)
    server: dict[str, Any] = field(default_factory=dict)
    known: dict[str, str] = field(default_factory=dict)
    # Credentials of sign-ins, which are deleted before what they were made by.
    signed_in: list[str] = field(default_factory=list)

    def __post_init__(self) -> None:
        self.api = self.listened(self.service.client())

    def listened(self, client: httpx.Client) -> httpx.Client:
        """The same client, whose answers are kept."""
        client.event_hooks["response"].append(self._keep)
        client.timeout = httpx.Timeout(40)
        return client

    def _keep(self, answer: httpx.Response) -> None:
        answer.read()
        request = answer.request
        head = b"\n".join(name + b": " + value for name, value in answer.headers.raw)
        with contextlib.suppress(httpx.RequestNotRead):
            asked = request.content
        # A browser's own cookie comes back to it alone.
        for value in answer.headers.get_list("set-cookie"):
            self.secrets.add("browser cookie", value.partition("=")[2].partition(";")[0])
        operation = operation_of(request.method, request.url.raw_path.decode().partition("?")[0])
        self.said.append(Said(operation, answer.status_code, head + b"\n\n" + answer.content, asked))

    def new(self, kind: str, characters: str = AWKWARD) -> str:
        return self.secrets.new(kind, characters)

    def __call__(self, method: str, path: str, body: Any = None, **options: Any) -> httpx.Response:
        if body is not None:
            options["json"] = body
        return self.api.request(method, path, **options)

    def good(self, method: str, path: str, body: Any = None, **options: Any) -> Any:
        answer = self(method, path, body, **options)
        assert answer.is_success, (method, path, answer.status_code, answer.text[:500])
        return answer.json() if answer.content and "json" in answer.headers["content-type"] else None

    def statuses(self) -> dict[str, set[int]]:
        """Which statuses each operation has answered."""
        found: dict[str, set[int]] = defaultdict(set)
        for one in self.said:
            found[one.operation].add(one.status)
        return found

    # The parts of the walk, in their order.

    def accounts_users_and_keys(self) -> None:
        for body in ({}, {"scopes": ["use"], "name": "one"}, {"expiresAt": "2099-01-01T00:00:00Z"}):
            made = self.good("POST", "/keys", body)
            self.secrets.add("API key", made["key"])
            self.known["keyId"] = made["keyId"]
        account = self.good("POST", "/accounts", {"name": "Elsewhere"})
        self.secrets.add("API key", account["key"])
        self.known["accountId"] = account["accountId"]
        issuer = {"issuer": "https://issuer.example.com", "algorithm": "HS256", "secret": self.new("issuer's secret")}
        made = self.good("POST", f"/accounts/{account['accountId']}/jwt-issuers", issuer)
        self.known["issuerId"] = made["issuerId"]
        self.good("GET", f"/accounts/{account['accountId']}/jwt-issuers")
        user = self.good("POST", "/users", {"username": f"jane-{uuid.uuid4().hex[:8]}"})
        self.known["userId"] = user["userId"] if "userId" in user else user["id"]
        self.good("PATCH", f"/users/{self.known['userId']}", {"fullName": "Jane"})
        self.good("PATCH", f"/accounts/{account['accountId']}", {"name": "Nowhere"})
        for path in ("/keys", "/accounts", "/users", f"/users/{self.known['userId']}", "/connectors", "/api/servers"):
            self.good("GET", path)
        self.jane = self.secrets.add("JWT", jwt(self.known["userId"], secret=self.jwt_secret, lasts=3600))
        self.expired = self.secrets.add("JWT", jwt(self.known["userId"], secret=self.jwt_secret, lasts=-3600))
        forged = self.secrets.add("JWT", jwt("jane", secret=self.new("forger's secret", "")))
        for bearer in (self.jane, self.expired, forged, self.new("wrong API key", ""), "Basic", self.new("odd", "..")):
            self("GET", "/api/servers", headers={"Authorization": f"Bearer {bearer}"})
            self("GET", "/api/servers", headers={"x-alloy-user-token": bearer})
            self("GET", "/api/servers", headers={"Authorization": bearer})

    def servers(self) -> None:
        first = self.good("POST", "/api/servers", {"name": "Walked", "confirmDestructive": True})
        self.secrets.add("token URL", first["accessToken"])
        path = f"/api/servers/{first['serverId']}"
        again = self.good("POST", f"{path}/token", {"tokenExpiresInDays": 3})
        self.secrets.add("token URL", again["accessToken"])
        # What was good before the rotation opens nothing, and is no less a secret.
        self("POST", urlsplit(first["accessUrl"]).path, {"jsonrpc": "2.0", "id": 1, "method": "ping"})
        self.server = self.good("GET", path)
        self.known |= {"serverId": first["serverId"], "accessToken": again["accessToken"], "client": "claude-code"}
        self.good("PUT", path, {"description": "Walked through"})
        for part in ("/safety", "/approvals", "/activity", "/clients", "/clients/claude-code", "/tools", "/resources"):
            self.good("GET", path + part)
        for part in ("/resources/templates", "/prompts", "/clients/claude-code?door=key"):
            self.good("GET", path + part)
        self.good("GET", f"{path}/access", params={"connector": "slack", "user": "me"})
        self.good("PUT", f"{path}/safety", {"confirmDestructive": True})
        self.good("POST", f"{path}/pause")
        self("POST", self.token_path, {"jsonrpc": "2.0", "id": 1, "method": "ping"})
        self.good("POST", f"{path}/resume")
        found = self.good("GET", f"{path}/resources")["resources"]
        for resource in found:
            self("GET", f"{path}/resources/read", params={"uri": resource["uri"]})
        for prompt in self.good("GET", f"{path}/prompts")["prompts"]:
            arguments = {item["name"]: "slack" for item in prompt.get("arguments", [])}
            self("POST", f"{path}/prompts/{prompt['name']}", {"arguments": arguments})
        self("GET", f"/.well-known/oauth-protected-resource/mcp/{first['serverId']}")

    @property
    def token_path(self) -> str:
        return f"/mcp/{self.known['serverId']}/{self.known['accessToken']}"

    def credentials(self) -> None:
        shipped = [item["connector"] for item in self.good("GET", "/metadata/credentials")["data"]]
        for connector in shipped:
            for way in self.good("GET", f"/connectors/{connector}/credentials/metadata")["metadata"]:
                self._store(connector, way)
        for scheme in ("bearer", "basic", "header", "query"):
            name = f"echo-{scheme}"
            self.good("POST", "/connectors", {"id": name, "document": self.echo.document(scheme)})
            way = self.good("GET", f"/connectors/{name}/credentials/metadata")["metadata"][0]
            # Under a key, sent twice: the answer is kept, sealed, and said again.
            headers = {"Idempotency-Key": uuid.uuid4().hex}
            found = self._store(name, way, headers=headers)
            assert found is not None
            path = f"/connectors/{name}/credentials/{found}"
            self.known[f"credential of {name}"] = found
            for part in ("", "/test"):
                self("POST" if part else "GET", path + part)
            body = {"authenticationType": way["authenticationType"], "data": self._data(way)}
            self.good("PUT", path, body)
            self.good("PATCH", path, {"name": "Renamed"})
            self.good("GET", f"/connectors/{name}/credentials")
        self.good("GET", "/users/me/credentials")
        by_jwt = self.listened(self.service.client(Authorization=f"Bearer {self.jane}"))
        body = {"userId": "me", "authenticationType": "bearer", "data": {"token": self.new("bearer")}}
        kept = by_jwt.post("/connectors/echo-bearer/credentials", json=body).json()
        self.good("GET", f"/users/{self.known['userId']}/credentials")
        self.good("DELETE", f"/users/{self.known['userId']}/credentials/{kept['credentialId']}")
        refused = {"id": "refused", "document": self.echo.document("bearer", f"http://127.0.0.1:{free_port()}")}
        self.good("POST", "/connectors", refused)
        body = {"userId": "me", "authenticationType": "bearer", "data": {"token": self.new("bearer")}}
        self.known["credential of refused"] = self.good("POST", "/connectors/refused/credentials", body)["credentialId"]
        self.known |= {"connectorId": "echo-bearer", "credentialId": self.known["credential of echo-bearer"]}

    def _data(self, way: dict[str, Any]) -> dict[str, str]:
        fields = way["inputSchema"]["properties"]["data"]["properties"]
        # What a header carries is ASCII without blanks; a password may be anything.
        return {
            name: self.new(f"{way['authenticationType']} {name}", MORE_AWKWARD if name == "password" else AWKWARD)
            if about.get("writeOnly")
            else way.get("sampleInput", {}).get("data", {}).get(name, "acme")
            for name, about in fields.items()
        }

    def _store(self, connector: str, way: dict[str, Any], **options: Any) -> str | None:
        if "data" not in way["inputSchema"]["properties"] or way["authenticationType"] == "oauth2":
            return None
        body = {"userId": "me", "authenticationType": way["authenticationType"], "data": self._data(way)}
        answer = self("POST", f"/connectors/{connector}/credentials", body, **options)
        if options:
            assert self("POST", f"/connectors/{connector}/credentials", body, **options).text == answer.text
        return answer.json().get("credentialId")

    def actions(self) -> None:
        for scheme in ("bearer", "basic", "header", "query"):
            connector = f"echo-{scheme}"
            credential = self.known[f"credential of {connector}"]
            for path in (*ECHOES, "/slow"):
                for method in ("get", "post"):
                    if path == "/slow" and (method, scheme) != ("get", "query"):
                        continue
                    body: dict[str, Any] = {"credentialId": credential, "timeout": 1_000 if path == "/slow" else 8_000}
                    if method == "post":
                        body["requestBody"] = {"text": "said"}
                    self("POST", f"/connectors/{connector}/actions/{method}-{path[1:]}/execute", body)
        self.known["actionId"] = "get-echo"
        arguments = {"credentialId": self.known["credential of refused"]}
        self("POST", "/connectors/refused/actions/get-echo/execute", arguments)
        for part in ("", "/actions", "/resources", "/actions/get-echo"):
            self.good("GET", f"/connectors/echo-bearer{part}")
        document = self.echo.document("bearer")
        self.good("PUT", "/connectors/echo-bearer", {"document": document, "keepCredentials": True})
        self.mcp()

    def mcp(self) -> None:
        arguments = {"connectorId": "echo-query", "actionId": "delete-echo", "parameters": {"queryParameters": {}}}
        secret = self.new("argument")
        arguments["parameters"] = {"queryParameters": {"q": secret, "count": 1}}
        path = f"/api/servers/{self.known['serverId']}"
        for decision in ("approve", "deny"):
            held = self("POST", f"{path}/tools/execute_action_alloy", {"arguments": arguments})
            approval = next(iter(re.findall(r'approvalId"?\\?":\\?"([\w-]+)', held.text)), None)
            assert approval, held.text
            self.known["approvalId"] = approval
            self.good("GET", f"{path}/approvals/{approval}")
            self.good("POST", f"{path}/approvals/{approval}", {"decision": decision})
            self("POST", f"{path}/tools/execute_action_alloy", {"arguments": arguments})
            arguments["parameters"]["queryParameters"]["count"] = 2
        self.good("GET", f"{path}/approvals")
        calls: list[tuple[str, dict[str, Any]]] = [
            ("initialize", {"protocolVersion": "2025-11-25", "capabilities": {}, "clientInfo": {"name": "w"}}),
            ("tools/list", {}),
            ("resources/list", {}),
            ("prompts/list", {}),
            ("nope", {"secret": self.new("argument")}),
            ("tools/call", {"name": self.new("argument", ""), "arguments": {}}),
        ]
        for action in ("get-echo", "get-refuse", "get-redirect", "get-break", "nope"):
            asked = {"connectorId": "echo-query", "actionId": action, "parameters": {}}
            calls.append(("tools/call", {"name": "execute_action_alloy", "arguments": asked}))
        wrong = {"connectorId": 7, "actionId": [self.new("argument")], "parameters": self.new("argument")}
        calls.append(("tools/call", {"name": "execute_action_alloy", "arguments": wrong}))
        for method, params in calls:
            message = {"jsonrpc": "2.0", "id": 1, "method": method, "params": params}
            self("POST", self.token_path, message)
            self("POST", f"/mcp/{self.known['serverId']}", message)
            self("POST", self.token_path, message, headers={"MCP-Protocol-Version": "2026-07-28"})
            self("POST", self.token_path, [message], headers={"MCP-Protocol-Version": "2025-03-26"})
        self("POST", self.token_path, content=b'{"secret":"' + secret.encode(), headers=_JSON)

    def sign_ins(self) -> None:
        office = Office(self.service, self.oauth, secret=self.new("client secret"))
        office.api = self.api
        office.open()
        person = self.listened(browser(self.service))
        code = self.new("OAuth code")
        for way in ("good", "wrong state", "refused", "broken", "denied"):
            link = office.link()
            self.secrets.add("consent link", dict(parse_qsl(urlsplit(link).query))["token"])
            self.secrets.add("form proof", form_of(person.get(link))["form"])
            asked = office.send(person, link)
            state = self.secrets.add("state", asked.query["state"])
            if way == "refused":
                said = {"error": "invalid_grant", "error_description": f"{code} {office.secret} is no good"}
                self.oauth.script.append((400, said, {}))
            if way == "broken":
                self.oauth.script.append((200, f"<p>{code} {office.secret}".encode(), {}))
            if way == "denied":
                office.back(person, error="access_denied", error_description="No, thanks", state=state)
            else:
                office.back(person, code=code, state=self.new("state") if way == "wrong state" else state)
            # Once more: what was used is no less a secret.
            office.back(person, code=code, state=state)
            person.post(link, data={"form": self.new("form proof"), "extra": code})
        person.post(CALLBACK.format(office.connector_id), data={"token": code, "form": code, "tenant": code})
        credential, *_ = kept = office.credentials()
        self.signed_in = [f"/connectors/{office.connector_id}/credentials/{each['credentialId']}" for each in kept]
        office.call(credential["credentialId"])
        # The platform no longer knows the token: one renewal, and then none that helps.
        self.oauth.access.clear()
        office.call(credential["credentialId"])
        self.oauth.access.clear()
        self.oauth.refresh.clear()
        office.call(credential["credentialId"])
        self.known["authConfigId"] = office.config["authConfigId"]
        path = f"/auth-configs/{office.config['authConfigId']}"
        self.good("GET", "/auth-configs")
        self.good("GET", path)
        self.good("PATCH", path, {"clientSecret": self.new("client secret")})
        self._client_credentials()

    def _client_credentials(self) -> None:
        name = "machine"
        self.good("POST", "/connectors", {"id": name, "document": self.oauth.document("clientCredentials")})
        for way in self.good("GET", f"/connectors/{name}/credentials/metadata")["metadata"]:
            config = {"connectorId": name, "clientId": "machine", "clientSecret": self.new("client secret")}
            self("POST", "/auth-configs", config)
            body = {"userId": "me", "authenticationType": way["authenticationType"], "data": {}}
            made = self("POST", f"/connectors/{name}/credentials", body).json()
            if "credentialId" in made:
                asked = {"credentialId": made["credentialId"]}
                self("POST", f"/connectors/{name}/actions/listItems/execute", asked)
                said = {"error": "invalid_client", "error_description": config["clientSecret"]}
                self.oauth.script.append((401, said, {}))
                self.oauth.access.clear()
                self("POST", f"/connectors/{name}/actions/listItems/execute", asked)

    def errors(self) -> None:
        """Every operation with secrets where they do not belong."""
        for name, (method, template, spec) in OPERATIONS.items():
            path = re.sub(r"\{(\w+)\}", lambda found: quote(self.known.get(found[1], "nobody")), template)
            stray = {kind: self.new(kind, "") for kind in ("stray secret", "stray token")}
            value = stray["stray secret"]
            self(method, path, headers={"Authorization": f"Bearer {stray['stray token']}"})
            if method != "DELETE":
                self(method, path, params={"api_key": self.new("query secret")})
                self(method, path, headers={"x-alloy-user-token": stray["stray token"]})
                self(method, path, headers={"Host": "evil.example.com", "Cookie": f"a={value}"})
            body = spec.get("requestBody")
            if body is None:
                continue
            self(method, path, content=f'{{"a":"{value}'.encode(), headers=_JSON)
            self(method, path, content=value.encode(), headers={"content-type": "text/plain"})
            self(method, path, content=b'"' + value.encode() + b'"', headers=_JSON)
            for wrong in (value, [value], {"secret": value}):
                self(method, path, {field: wrong for field in _fields(body) if (name, field) not in _FREE})
                for field_name in _fields(body):
                    if (name, field_name) not in _FREE:
                        self(method, path, {field_name: wrong})
        token, key = self.known["accessToken"], self.service.key
        for secret in (token, key, self.jane, self.new("stray secret", "")):
            for path in ("/nope/{}", "/mcp/x/{}/y", "/{}", "/mcp/{}", "/mcp/nobody-x/{}", "/api//{}"):
                self("GET", path.format(quote(secret, safe="")))
                self("POST", path.format(quote(secret, safe="")) + f"?token={quote(secret, safe='')}", {})
        self("GET", f"/mcp/x/{token[:30]}%2f{token[30:]}")

    def ends(self) -> None:
        """Everything is deleted, so that this is said of too."""
        known = self.known
        for path in ("/health/live", "/health/ready", "/docs", "/docs/page.css", "/openapi.json"):
            self.good("GET", path)
        self.good("GET", "/api/audit", params={"limit": 1000})
        self.good("GET", f"/api/servers/{known['serverId']}/activity", params={"limit": 1000})
        for path in (
            *self.signed_in,
            f"/connectors/echo-bearer/credentials/{known['credentialId']}",
            f"/auth-configs/{known['authConfigId']}",
            "/connectors/echo-basic",
            f"/api/servers/{known['serverId']}",
            f"/keys/{known['keyId']}",
            f"/users/{known['userId']}",
            f"/accounts/{known['accountId']}/jwt-issuers/{known['issuerId']}",
        ):
            self.good("DELETE", path)
        self.good("PATCH", f"/accounts/{known['accountId']}", {"disabled": True})
        self("DELETE", f"/accounts/{known['accountId']}")
        time.sleep(0.5)


_JSON = {"content-type": "application/json"}
# Names, ids and scopes: nobody's secret, and shown again by their nature.
_FREE_FIELDS = "clientId customInstructions description fullName id name scopes userId userScopes username"
_FREE = {(name, field_name) for name in OPERATIONS for field_name in _FREE_FIELDS.split()}


def _fields(body: dict[str, Any]) -> list[str]:
    if "$ref" in body:
        body = DOCUMENT["components"]["requestBodies"][body["$ref"].rsplit("/", 1)[1]]
    schema = next(iter(body["content"].values()))["schema"]
    if "$ref" in schema:
        schema = DOCUMENT["components"]["schemas"][schema["$ref"].rsplit("/", 1)[1]]
    return list(schema.get("properties", {}))


def dumped(walk: Walk) -> str:
    """What was answered, for a look at a failure."""
    return json.dumps({name: sorted(found) for name, found in sorted(walk.statuses().items())}, indent=1)
