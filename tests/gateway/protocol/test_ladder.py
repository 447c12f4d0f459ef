"""Every row of the transport's rules, as bytes over a socket, under both HTTP parsers: the exact status and code."""

import json
import uuid
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

import pytest

from support.listening import MODERN, meta
from support.raw import RawAnswer, exchange, request
from support.service import Service, serving

LEGACY = ("2024-11-05", "2025-03-26", "2025-06-18", "2025-11-25")
BOTH = b"accept: application/json, text/event-stream"
LIST = "tools/list"
TOOL = "list_connectors_alloy"


@dataclass
class End:
    """One MCP endpoint, by its token URL."""

    service: Service
    target: bytes
    http: str

    def post(self, body: Any, *headers: str | bytes, accept: bytes | None = BOTH, **options: Any) -> RawAnswer:
        data = body if isinstance(body, bytes) else json.dumps(body).encode()
        given = [header.encode() if isinstance(header, str) else header for header in headers]
        return request(
            self.service,
            b"POST",
            self.target,
            data,
            (*([accept] if accept else []), *given),
            **{"auth": None, **options},
        )

    def legacy(self, body: Any, revision: str = "2025-11-25") -> RawAnswer:
        return self.post(body, f"mcp-protocol-version: {revision}")

    def modern(self, body: Any, *headers: str | bytes) -> RawAnswer:
        return self.post(body, f"mcp-protocol-version: {MODERN}", *headers)


@pytest.fixture(scope="module", params=["httptools", "h11"])
def end(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Iterator[End]:
    with serving(tmp_path_factory.mktemp(request.param), TOOLGATE_HTTP=request.param) as service:
        url = service.client().post("/api/servers", json={"name": f"ladder {uuid.uuid4().hex}"}).json()["accessUrl"]
        yield End(service, url.removeprefix(service.url).encode(), request.param)


def rpc(method: str, params: Any = None, identifier: Any = 1) -> dict[str, Any]:
    return {"jsonrpc": "2.0", "id": identifier, "method": method, **({} if params is None else {"params": params})}


def modern_rpc(method: str, **params: Any) -> dict[str, Any]:
    return rpc(method, {"_meta": meta(), **params})


def said(answer: RawAnswer) -> tuple[int, Any]:
    """The status, and the code of the error; None: no error."""
    return answer.status, answer.json().get("error", {}).get("code") if answer.body else None


class TestBeforeTheBody:
    @pytest.mark.parametrize("method", [b"GET", b"HEAD", b"PUT", b"PATCH", b"DELETE", b"OPTIONS"])
    @pytest.mark.parametrize("accept", [b"accept: text/event-stream", b"accept: */*"])
    def test_only_post(self, end: End, method: bytes, accept: bytes) -> None:
        answer = request(end.service, method, end.target, None, (accept, b"last-event-id: 7"), auth=None)
        assert (answer.status, answer.headers["allow"]) == (405, "POST")

    @pytest.mark.parametrize("origin", [b"https://evil.example", b"null", b"http://", b"x"])
    def test_origins(self, end: End, origin: bytes) -> None:
        assert said(end.post(rpc("ping"), b"origin: " + origin)) == (403, "FORBIDDEN")

    @pytest.mark.parametrize("ours_first", [True, False])
    def test_a_second_origin_or_host_saves_none(self, end: End, ours_first: bool) -> None:
        ours, theirs = f"127.0.0.1:{end.service.port}", "evil.example"
        pair = (ours, theirs) if ours_first else (theirs, ours)
        assert said(end.post(rpc("ping"), *(f"origin: http://{name}" for name in pair))) == (403, "FORBIDDEN")
        # h11 takes no second Host at all.
        answer = end.post(rpc("ping"), f"host: {pair[1]}", host=pair[0].encode())
        assert said(answer) == ((403, "FORBIDDEN") if end.http == "httptools" else (400, "INVALID_REQUEST"))

    @pytest.mark.parametrize("lines", [("text/event-stream", "application/json"), ("application/json", "*/*")])
    def test_accept_in_several_lines(self, end: End, lines: tuple[str, str]) -> None:
        for given in (lines, lines[::-1]):
            answer = end.post(rpc("ping"), *(f"accept: {line}" for line in given), accept=None)
            assert said(answer) == (200, None)

    def test_our_own_origin_with_blanks_around_it(self, end: End) -> None:
        own = f"origin:   http://127.0.0.1:{end.service.port} \t"
        assert said(end.post(rpc("ping"), own)) == (200, None)

    @pytest.mark.parametrize("host", [b"evil.example", b"evil.example:3000", b"a b", b"user@localhost"])
    def test_hosts(self, end: End, host: bytes) -> None:
        assert said(end.post(rpc("ping"), host=host)) == (403, "FORBIDDEN")

    def test_no_host(self, end: End) -> None:
        wanted = (400, "INVALID_REQUEST") if end.http == "h11" else (403, "FORBIDDEN")
        assert said(end.post(rpc("ping"), host=None)) == wanted

    def test_a_host_with_blanks_around_it(self, end: End) -> None:
        assert said(end.post(rpc("ping"), host=b"  127.0.0.1 \t")) == (200, None)

    @pytest.mark.parametrize("content_type", [None, b"text/plain", b"application/xml", b"application/json-seq", b""])
    def test_content_types_that_are_not_taken(self, end: End, content_type: bytes | None) -> None:
        assert said(end.post(rpc("ping"), content_type=content_type)) == (415, "UNSUPPORTED_MEDIA_TYPE")

    @pytest.mark.parametrize(
        "content_type",
        [b"application/json", b"APPLICATION/JSON ", b"application/json; charset=utf-8", b"application/json;x=y"],
    )
    def test_content_types_that_are(self, end: End, content_type: bytes) -> None:
        assert said(end.post(rpc("ping"), content_type=content_type)) == (200, None)

    def test_another_charset(self, end: End) -> None:
        wanted = (415, "UNSUPPORTED_MEDIA_TYPE")
        assert said(end.post(rpc("ping"), content_type=b"application/json; charset=latin-1")) == wanted

    @pytest.mark.parametrize("accept", [b"application/json", b"text/html", b"image/*", b"application/*", b"text"])
    def test_accept_without_event_streams(self, end: End, accept: bytes) -> None:
        assert said(end.post(rpc("ping"), accept=b"accept: " + accept)) == (406, "NOT_ACCEPTABLE")

    @pytest.mark.parametrize(
        "accept", [None, b"", b"*/*", b"text/*", b"text/event-stream", b"a/b, TEXT/EVENT-STREAM;q=0.5", b" */* \t"]
    )
    def test_accept_with_them(self, end: End, accept: bytes | None) -> None:
        assert said(end.post(rpc("ping"), accept=None if accept is None else b"accept: " + accept)) == (200, None)

    def test_a_body_that_is_too_large(self, end: End) -> None:
        answer = end.post(b" " * (10 * 1024 * 1024 + 1))
        assert said(answer) == (413, "PAYLOAD_TOO_LARGE")

    def test_one_that_only_says_so(self, end: End) -> None:
        head = b"POST " + end.target + b" HTTP/1.1\r\nhost: localhost\r\ncontent-type: application/json\r\n"
        assert exchange(end.service, head + b"content-length: 99999999999\r\n\r\n").status == 413

    @pytest.mark.parametrize("token", [b"wrong", b"mcp_token_" + b"a" * 43, b"%2e%2e"])
    def test_a_wrong_token(self, end: End, token: bytes) -> None:
        target = end.target.rsplit(b"/", 1)[0] + b"/" + token
        answer = request(end.service, b"POST", target, b"{}", (BOTH,), auth=None)
        assert said(answer) == (401, "UNAUTHORIZED")

    def test_the_order(self, end: End) -> None:
        """Each request has every fault from its own rung downwards."""
        wrong = end.target.rsplit(b"/", 1)[0] + b"/wrong"
        evil = b"origin: https://evil.example"
        html = b"accept: text/html"

        def ask(target: bytes, kind: bytes, *headers: bytes) -> tuple[int, Any]:
            return said(request(end.service, b"POST", target, b"{", headers, auth=None, content_type=kind))

        assert ask(wrong, b"text/plain", evil, html) == (403, "FORBIDDEN")
        assert ask(wrong, b"text/plain", html) == (401, "UNAUTHORIZED")
        assert ask(end.target, b"text/plain", html) == (415, "UNSUPPORTED_MEDIA_TYPE")
        assert ask(end.target, b"application/json", html) == (406, "NOT_ACCEPTABLE")
        assert ask(end.target, b"application/json", BOTH) == (400, -32700)

    def test_sessions_and_last_events_are_ignored(self, end: End) -> None:
        answer = end.post(rpc("ping"), "mcp-session-id: abc", "last-event-id: 5")
        assert said(answer) == (200, None)
        assert not {"mcp-session-id", "last-event-id"} & set(answer.headers)

    @pytest.mark.parametrize(
        "data",
        [
            b"\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03",
            b"NONSENSE\r\n\r\n",
            b"POST / HTTP/1.1\r\nhost: localhost\r\nno colon\r\n\r\n",
            b"POST / HTTP/1.1\r\nhost: localhost\r\ncontent-length: -1\r\n\r\n",
            b"GET / HTTP/1.1\r\nhost: localhost\r\nx: " + b"x" * 70_000 + b"\r\n\r\n",
            b"GET /" + b"x" * 70_000 + b" HTTP/1.1\r\nhost: localhost\r\n\r\n",
            b"GET / HTTP/1.1\r\nhost: localhost\r\n" + b"a: b\r\n" * 300 + b"\r\n",
            b"GET / HTTP/1.1\r\nhost: localhost\r\n" + b"a: b\r\n" * 30_000 + b"\r\n",
        ],
        ids=["tls", "nonsense", "colon", "length", "header", "line", "headers", "many"],
    )
    def test_what_is_no_http_or_too_much_of_it(self, end: End, data: bytes) -> None:
        answer = exchange(end.service, data)
        assert said(answer) == (400, "INVALID_REQUEST")
        assert answer.headers["content-type"] == "application/json"
        assert "x-request-id" in answer.headers


class TestEnvelopes:
    @pytest.mark.parametrize("revision", ["", *LEGACY, MODERN, "bogus"])
    @pytest.mark.parametrize("body", [b"", b"{", b"\xff", b"nul", b'{"a":1}x', b"[1,", b"1e400", b'"\xed\xa0\x80"'])
    def test_what_is_no_json(self, end: End, revision: str, body: bytes) -> None:
        answer = end.post(body, *([f"mcp-protocol-version: {revision}"] if revision else []))
        assert (*said(answer), answer.json()["id"]) == (400, -32700, None)

    @pytest.mark.parametrize("revision", [*LEGACY, MODERN])
    @pytest.mark.parametrize(
        ("body", "identifier"),
        [
            (5, None),
            (None, None),
            (True, None),
            ("ping", None),
            ({}, None),
            ({"jsonrpc": "2.0", "id": 1}, 1),
            ({"jsonrpc": "1.0", "id": 1, "method": "ping"}, 1),
            ({"jsonrpc": 2.0, "id": "a", "method": "ping"}, "a"),
            ({"id": 1, "method": "ping"}, 1),
            ({"jsonrpc": "2.0", "id": 1, "method": None}, 1),
            ({"jsonrpc": "2.0", "id": 1, "method": ["ping"]}, 1),
        ],
    )
    def test_what_is_no_request(self, end: End, revision: str, body: Any, identifier: Any) -> None:
        answer = end.legacy(body, revision)
        assert (*said(answer), answer.json()["id"]) == (400, -32600, identifier)

    @pytest.mark.parametrize("identifier", ["", "a", "é\n", 0, -1, 2.5, 2**53, 2**63, 2**64 - 1, -(2**63), 1e5])
    @pytest.mark.parametrize("revision", ["2025-11-25", MODERN])
    def test_ids_are_echoed(self, end: End, revision: str, identifier: Any) -> None:
        body = rpc(LIST, {"_meta": meta()}, identifier)
        answer = end.post(body, f"mcp-protocol-version: {revision}", f"mcp-method: {LIST}")
        assert (answer.status, answer.json()["id"]) == (200, identifier)
        assert type(answer.json()["id"]) is type(identifier)

    @pytest.mark.parametrize("identifier", [b"null", b"true", b"false", b"[]", b"[1]", b"{}", b"18446744073709551616"])
    @pytest.mark.parametrize("revision", ["2025-11-25", MODERN])
    def test_ids_that_are_none(self, end: End, revision: str, identifier: bytes) -> None:
        body = b'{"jsonrpc":"2.0","method":"ping","id":' + identifier + b"}"
        answer = end.post(body, f"mcp-protocol-version: {revision}")
        assert (*said(answer), answer.json()["id"]) == (400, -32600, None)

    @pytest.mark.parametrize("params", [[], [1], "x", 5, None, True])
    def test_params_that_are_no_object(self, end: End, params: Any) -> None:
        body = {"jsonrpc": "2.0", "id": 1, "method": LIST, "params": params}
        assert said(end.legacy(body)) == (200, -32602)
        assert said(end.modern(body, f"mcp-method: {LIST}")) == (400, -32602)

    @pytest.mark.parametrize("revision", [*LEGACY, MODERN])
    @pytest.mark.parametrize(
        "body",
        [
            {"jsonrpc": "2.0", "method": "notifications/initialized"},
            {"jsonrpc": "2.0", "method": "notifications/cancelled", "params": {"requestId": 1}},
            {"jsonrpc": "2.0", "method": "no/such"},
        ],
    )
    def test_notifications(self, end: End, revision: str, body: Any) -> None:
        answer = end.legacy(body, revision)
        assert (answer.status, answer.body) == (202, b"")

    @pytest.mark.parametrize(
        "body", [{"jsonrpc": "2.0", "id": 1, "result": {}}, {"jsonrpc": "2.0", "id": 1, "error": {}}]
    )
    def test_posted_responses(self, end: End, body: Any) -> None:
        for revision in LEGACY:
            answer = end.legacy(body, revision)
            assert (answer.status, answer.body) == (202, b"")
        assert said(end.modern(body)) == (400, -32600)


class TestModern:
    NAMED = f"mcp-name: {TOOL}"
    CALL = "mcp-method: tools/call"

    def call(self) -> dict[str, Any]:
        return modern_rpc("tools/call", name=TOOL, arguments={})

    def test_a_request(self, end: End) -> None:
        answer = end.modern(self.call(), self.CALL, self.NAMED)
        assert said(answer) == (200, None)
        assert answer.headers["content-type"] == "application/json"
        result = answer.json()["result"]
        assert result["resultType"] == "complete"
        assert "io.modelcontextprotocol/serverInfo" in result["_meta"]

    @pytest.mark.parametrize(
        "broken",
        [
            None,
            [],
            "x",
            {},
            {"io.modelcontextprotocol/protocolVersion": MODERN},
            {"io.modelcontextprotocol/clientCapabilities": {}},
            {**meta(), "io.modelcontextprotocol/protocolVersion": 5},
            {**meta(), "io.modelcontextprotocol/clientCapabilities": []},
            {**meta(), "io.modelcontextprotocol/clientCapabilities": None},
        ],
    )
    def test_meta(self, end: End, broken: Any) -> None:
        assert said(end.modern(rpc(LIST, {"_meta": broken}), f"mcp-method: {LIST}")) == (400, -32602)
        assert said(end.modern(rpc(LIST), f"mcp-method: {LIST}")) == (400, -32602)

    @pytest.mark.parametrize(
        "headers",
        [
            (),
            (CALL,),
            (NAMED,),
            ("mcp-method: tools/list", NAMED),
            ("mcp-method: Tools/Call", NAMED),
            ("mcp-method: =?base64?dG9vbHMvY2FsbA==?=", NAMED),
            ("mcp-method:", NAMED),
            (CALL, "mcp-name: another"),
            (CALL, "mcp-name:"),
            (CALL, f"mcp-name: {TOOL.upper()}"),
            (CALL, "mcp-name: =?base64?!!!!?="),
            (CALL, "mcp-name: =?base64?bGlzdF9jb25uZWN0b3JzX2FsbG9?="),
            (CALL, "mcp-name: =?base64?/w==?="),
            (CALL, "mcp-name: =?base64??="),
            (CALL, "mcp-name: =?base64?="),
            (CALL, "mcp-name: =?BASE64?bGlzdF9jb25uZWN0b3JzX2FsbG95?="),
            (CALL, CALL, NAMED),
            (CALL, NAMED, NAMED),
            (CALL, NAMED, f"Mcp-Name: {TOOL}"),
            (CALL, "mcp-method: tools/list", NAMED),
            (CALL, NAMED, f"mcp-protocol-version: {MODERN}"),
            (CALL, NAMED, "mcp-protocol-version: 2025-11-25"),
        ],
    )
    def test_headers_that_are_missing_differ_are_broken_or_repeated(self, end: End, headers: tuple[str, ...]) -> None:
        assert said(end.modern(self.call(), *headers)) == (400, -32020)

    @pytest.mark.parametrize(
        "name",
        [
            TOOL,
            f"  {TOOL}",
            f"{TOOL} \t ",
            f"\t {TOOL}\t",
            "=?base64?bGlzdF9jb25uZWN0b3JzX2FsbG95?=",
            "  =?base64?bGlzdF9jb25uZWN0b3JzX2FsbG95?= ",
        ],
    )
    def test_names_as_they_may_come(self, end: End, name: str) -> None:
        assert said(end.modern(self.call(), " ".join(self.CALL.split()) + " \t", f"mcp-name:{name}")) == (200, None)

    def test_the_name_is_a_header_of_those_methods_alone(self, end: End) -> None:
        assert said(end.modern(modern_rpc(LIST), f"mcp-method: {LIST}", "mcp-name: whatever")) == (200, None)

    def test_names_of_prompts_and_resources_are_checked_too(self, end: End) -> None:
        for method, field in (("prompts/get", "name"), ("resources/read", "uri")):
            body = modern_rpc(method, **{field: "a://é"})
            assert said(end.modern(body, f"mcp-method: {method}", "mcp-name: b")) == (400, -32020)
            assert said(end.modern(body, f"mcp-method: {method}", "mcp-name: =?base64?YTovL8Op?=")) == (400, -32602)

    @pytest.mark.parametrize("version", ["2099-01-01", "2024-10-07", "DRAFT-2026-v1", "x"])
    def test_versions_that_are_unknown(self, end: End, version: str) -> None:
        said_meta = {**meta(), "io.modelcontextprotocol/protocolVersion": version}
        answer = end.post(rpc(LIST, {"_meta": said_meta}), f"mcp-protocol-version: {version}", f"mcp-method: {LIST}")
        assert said(answer) == (400, -32022)
        assert answer.json()["error"]["data"] == {"supported": [MODERN, *reversed(LEGACY)], "requested": version}
        # Named by the header alone, with the body of the present revision or of none.
        assert said(end.post(modern_rpc(LIST), f"mcp-protocol-version: {version}")) == (400, -32020)
        assert said(end.post(rpc(LIST), f"mcp-protocol-version: {version}")) == (400, -32602)

    @pytest.mark.parametrize(
        "method",
        [
            "initialize",
            "ping",
            "logging/setLevel",
            "resources/subscribe",
            "resources/unsubscribe",
            "tasks/list",
            "roots/list",
            "sampling/createMessage",
            "no/such",
            "",
            "tools/list/",
            "Tools/List",
        ],
    )
    def test_methods_that_there_are_not(self, end: End, method: str) -> None:
        answer = end.modern(modern_rpc(method), f"mcp-method: {method}")
        assert said(answer) == (404, -32601)
        assert answer.json()["error"]["data"] == {"method": method}

    @pytest.mark.parametrize(
        ("method", "params"),
        [
            ("tools/call", {"name": "no_such_tool"}),
            ("tools/call", {}),
            ("prompts/get", {"name": "no-such-prompt"}),
            ("prompts/get", {}),
            ("resources/read", {"uri": "x://y"}),
            ("resources/read", {"uri": "no uri"}),
            ("resources/read", {}),
            ("tools/list", {"cursor": "made up"}),
            ("tools/list", {"cursor": 5}),
            ("tools/list", {"cursor": ""}),
            ("prompts/list", {"cursor": "made up"}),
            ("resources/list", {"cursor": "made up"}),
            ("resources/templates/list", {"cursor": "bWFkZSB1cA=="}),
            ("completion/complete", {}),
            ("completion/complete", {"ref": {"type": "ref/none"}, "argument": {"name": "a", "value": ""}}),
            ("subscriptions/listen", {}),
        ],
    )
    def test_params_that_lead_nowhere(self, end: End, method: str, params: dict[str, Any]) -> None:
        named = params.get("name", params.get("uri"))
        headers = [f"mcp-method: {method}", *([f"mcp-name: {named}"] if named else [])]
        assert said(end.modern(modern_rpc(method, **params), *headers)) == (400, -32602)

    def test_a_name_that_is_no_text(self, end: End) -> None:
        # It can agree with no header.
        assert said(end.modern(modern_rpc("tools/call", name=5), self.CALL, "mcp-name: 5")) == (400, -32020)

    def test_the_log_level(self, end: End) -> None:
        body = rpc(LIST, {"_meta": meta(logLevel="loud")})
        assert said(end.modern(body, f"mcp-method: {LIST}")) == (400, -32602)

    def test_what_is_missing_is_said_with_its_uri_and_never_as_in_older_revisions(self, end: End) -> None:
        answer = end.modern(modern_rpc("resources/read", uri="x://y"), "mcp-method: resources/read", "mcp-name: x://y")
        assert answer.json()["error"]["data"] == {"uri": "x://y"}

    def test_arguments_that_a_tool_does_not_take_are_the_tools_answer(self, end: End) -> None:
        body = modern_rpc("tools/call", name=TOOL, arguments={"limit": "many"})
        answer = end.modern(body, self.CALL, self.NAMED)
        assert (said(answer), answer.json()["result"]["isError"]) == ((200, None), True)

    @pytest.mark.parametrize("batch", [[], [1], [{}], [{"jsonrpc": "2.0", "id": 1, "method": "ping"}]])
    def test_batches(self, end: End, batch: Any) -> None:
        assert said(end.modern(batch)) == (400, -32600)

    def test_what_must_be_on_lists(self, end: End) -> None:
        for method in ("server/discover", LIST, "prompts/list", "resources/list", "resources/templates/list"):
            result = end.modern(modern_rpc(method), f"mcp-method: {method}").json()["result"]
            assert isinstance(result["ttlMs"], int)
            assert (result["cacheScope"], result["resultType"]) == ("private", "complete")

    def test_the_order(self, end: End) -> None:
        """Each request has every fault from its own rung downwards."""
        unknown = {**meta(), "io.modelcontextprotocol/protocolVersion": "2099-01-01"}
        assert said(end.modern({"jsonrpc": "1.0", "id": 1}, self.CALL, self.CALL)) == (400, -32600)
        assert said(end.modern(rpc("no/such"), self.CALL, self.CALL)) == (400, -32020)
        assert said(end.modern(rpc("no/such"), self.CALL)) == (400, -32602)
        assert said(end.modern(rpc("no/such", {"_meta": unknown}), self.CALL)) == (400, -32020)
        wrong = end.post(rpc("no/such", {"_meta": unknown}), "mcp-protocol-version: 2099-01-01", self.CALL)
        assert said(wrong) == (400, -32022)
        assert said(end.modern(modern_rpc("no/such"), self.CALL)) == (400, -32020)
        assert said(end.modern(modern_rpc("no/such", cursor=5), "mcp-method: no/such")) == (404, -32601)
        for broken in ({"io.modelcontextprotocol/logLevel": "loud"}, {"progressToken": {}}):
            params = {"_meta": {**meta(), **broken}}
            assert said(end.modern(rpc("no/such", params), "mcp-method: no/such")) == (404, -32601)
            assert said(end.modern(rpc(LIST, params), f"mcp-method: {LIST}")) == (400, -32602)
        assert said(end.modern(modern_rpc(LIST, cursor=5), f"mcp-method: {LIST}")) == (400, -32602)


class TestLegacy:
    @pytest.mark.parametrize("revision", LEGACY)
    def test_answers_are_what_they_were(self, end: End, revision: str) -> None:
        assert end.legacy(rpc("ping"), revision).json() == {"jsonrpc": "2.0", "id": 1, "result": {}}
        for method, field in ((LIST, "tools"), ("prompts/list", "prompts"), ("resources/list", "resources")):
            assert set(end.legacy(rpc(method), revision).json()["result"]) == {field}
        assert said(end.legacy(rpc("no/such"), revision)) == (200, -32601)
        assert said(end.legacy(rpc("no/such", {"_meta": {"progressToken": {}}}), revision)) == (200, -32601)
        assert said(end.legacy(rpc("server/discover"), revision)) == (200, -32601)
        assert said(end.legacy(rpc("subscriptions/listen"), revision)) == (200, -32601)
        missing = end.legacy(rpc("resources/read", {"uri": "x://y"}), revision)
        assert (said(missing), missing.json()["error"]["data"]) == ((200, -32002), {"uri": "x://y"})
        assert said(end.legacy(rpc("tools/call", {"name": "no_such_tool"}), revision)) == (200, -32602)
        assert said(end.legacy(rpc(LIST, {"cursor": "made up"}), revision)) == (200, -32602)

    @pytest.mark.parametrize("revision", LEGACY)
    def test_modern_meta_and_headers_are_ignored(self, end: End, revision: str) -> None:
        body = rpc("tools/call", {"name": TOOL, "arguments": {}, "_meta": {**meta(), "x": 1}})
        answer = end.post(body, f"mcp-protocol-version: {revision}", "mcp-method: no/such", "mcp-name: another")
        assert said(answer) == (200, None)
        assert not {"resultType", "_meta", "ttlMs"} & set(answer.json()["result"])

    def test_without_the_header_it_is_2025_03_26(self, end: End) -> None:
        assert said(end.post(modern_rpc("ping"))) == (200, None)
        assert said(end.post(modern_rpc("server/discover"))) == (200, -32601)
        assert end.post([rpc("ping")]).json() == [{"jsonrpc": "2.0", "id": 1, "result": {}}]
        assert said(end.post(rpc("ping"), "mcp-protocol-version:  2025-06-18 \t")) == (200, None)

    @pytest.mark.parametrize("value", [b"", b" ", b" \t"])
    @pytest.mark.parametrize("method", ["ping", "initialize", "tools/list"])
    def test_an_empty_header_is_no_absent_one(self, end: End, value: bytes, method: str) -> None:
        # 2025-06-18, Transports, Protocol Version Header: what is invalid MUST be 400; only without it a guess is made.
        assert end.post(rpc(method, {}), b"mcp-protocol-version:" + value).status == 400
        unnamed = {**meta(), "io.modelcontextprotocol/protocolVersion": ""}
        answer = end.post(rpc(method, {"_meta": unnamed}), b"mcp-protocol-version:" + value, f"mcp-method: {method}")
        assert said(answer) == (400, -32022)

    def test_two_revisions_are_none(self, end: End) -> None:
        twice = ("mcp-protocol-version: 2025-11-25", "mcp-protocol-version: 2025-06-18")
        assert said(end.post(rpc("ping"), *twice)) == (400, -32020)

    @pytest.mark.parametrize("level", ["debug", "info", "notice", "warning", "error", "critical", "alert", "emergency"])
    def test_levels_are_taken(self, end: End, level: str) -> None:
        assert end.legacy(rpc("logging/setLevel", {"level": level})).json()["result"] == {}

    @pytest.mark.parametrize("params", [None, {}, {"level": "loud"}, {"level": 3}, {"level": None}, {"level": "INFO"}])
    def test_levels_that_are_none(self, end: End, params: Any) -> None:
        assert said(end.legacy(rpc("logging/setLevel", params))) == (200, -32602)

    @pytest.mark.parametrize("broken", [[], "x", 5, True])
    def test_meta_that_is_no_object(self, end: End, broken: Any) -> None:
        assert said(end.legacy(rpc("ping", {"_meta": broken}))) == (200, -32602)
        assert said(end.legacy(rpc("ping", {"_meta": None}))) == (200, None)


class TestBatches:
    def test_items_of_every_kind(self, end: End) -> None:
        batch = [
            rpc("ping"),
            {"jsonrpc": "2.0", "method": "notifications/initialized"},
            {"jsonrpc": "2.0", "id": 5, "result": {}},
            rpc("no/such", identifier="two"),
            rpc("initialize", {"protocolVersion": "2025-03-26"}, 3),
            rpc("tools/call", {"name": TOOL}, 4),
            rpc("tools/call", {"name": "none"}, 5),
            rpc("logging/setLevel", {"level": "loud"}, 6),
            rpc("ping", [], 7),
            5,
            None,
            "x",
            [],
            [rpc("ping")],
            {},
            {"jsonrpc": "2.0", "id": None, "method": "ping"},
            {"jsonrpc": "1.0", "id": 8, "method": "ping"},
        ]
        answer = end.legacy(batch, "2025-03-26")
        assert answer.status == 200
        assert [(item["id"], item.get("error", {}).get("code")) for item in answer.json()] == [
            (1, None),
            ("two", -32601),
            (3, -32600),
            (4, None),
            (5, -32602),
            (6, -32602),
            (7, -32602),
            *[(None, -32600)] * 7,
            (8, -32600),
        ]

    def test_of_what_wants_no_answer(self, end: End) -> None:
        answer = end.legacy([{"jsonrpc": "2.0", "method": "notifications/initialized"}] * 3, "2025-03-26")
        assert (answer.status, answer.body) == (202, b"")

    def test_a_thousand_and_no_more(self, end: End) -> None:
        batch = [rpc("ping", identifier=number) for number in range(1001)]
        answer = end.legacy(batch[:1000], "2025-03-26")
        assert [item["id"] for item in answer.json()] == list(range(1000))
        assert said(end.legacy(batch, "2025-03-26")) == (400, -32600)
        assert said(end.legacy([], "2025-03-26")) == (400, -32600)

    @pytest.mark.parametrize("revision", ["2024-11-05", "2025-06-18", "2025-11-25"])
    def test_other_revisions_have_none(self, end: End, revision: str) -> None:
        assert said(end.legacy([rpc("ping")], revision)) == (400, -32600)
