"""Connectors whose platform speaks MCP's results, over the wire: tools, prompts, resources, each revision."""

import base64
import json
import uuid
from collections.abc import Iterator
from typing import Any

import httpx
import pytest

from support.mcp_platform import McpPlatform, speaking
from support.service import Service

LEGACY = ["2024-11-05", "2025-03-26", "2025-06-18", "2025-11-25"]
MODERN = "2026-07-28"
each_revision = pytest.mark.parametrize("revision", [*LEGACY, MODERN])
PICTURE = base64.b64encode(b"\x89PNG picture").decode()
SECRET = "s3cret-of-the-speaker"
LINK = {"type": "resource_link", "uri": "https://example.com/report", "name": "report", "description": "All of it"}
ICON = "https://example.com/icon.png"


def text(said: str) -> dict[str, Any]:
    return {"type": "text", "text": said}


def everything(_: dict[str, Any]) -> Any:
    return {
        "content": [
            {**text("hello"), "annotations": {"audience": ["user"], "priority": 0.5}, "unknown": 1},
            {"type": "image", "data": PICTURE, "mimeType": "image/png"},
            {"type": "audio", "data": PICTURE, "mimeType": "audio/wav"},
            {"type": "resource", "resource": {"uri": "test://r", "mimeType": "text/plain", "text": "inside"}},
            LINK,
        ],
        "structuredContent": {"a": 1},
        "surplus": True,
    }


def streamed(_: dict[str, Any]) -> Any:
    return [
        b": hello\r\n\r\n",
        {"method": "notifications/progress", "params": {"progress": 1}},
        b'data: {"result":\ndata: {"content": []}}\n\n',
    ]


@pytest.fixture(scope="module")
def platform() -> Iterator[McpPlatform]:
    broken: dict[str, Any] = {
        "noContent": {"answer": 1},
        "badBlock": {"content": [{"type": "film"}]},
        "badBase64": {"content": [{"type": "image", "data": "!!", "mimeType": "image/png"}]},
        "badUri": {"content": [{"type": "resource", "resource": {"uri": "no uri", "text": "x"}}]},
        "placeholder": {"content": [{"type": "resource", "resource": {"uri": "{{a}}", "text": "x"}}]},
        "tooDeep": (b"application/json", b'{"content": [], "structuredContent": ' + b"[" * 250 + b"]" * 250 + b"}"),
        "wayTooDeep": (
            b"application/json",
            b'{"content": [], "structuredContent": ' + b"[" * 9000 + b"]" * 9000 + b"}",
        ),
        "tooMany": {"content": [text("x")] * 201},
        "tooLarge": {"content": [text("x" * 6_000_000)]},
        "noResult": [{"method": "notifications/progress", "params": {"progress": 1}}],
        "noJson": [b"data: {\n\n"],
        "plainText": (b"text/plain", b"hello"),
    }
    replies = {name: (lambda _, value=value: value) for name, value in broken.items()}
    with speaking(
        **replies,
        everything=everything,
        promised=lambda body: {
            "content": [],
            **({"structuredContent": json.loads(body["say"])} if "say" in body else {}),
        },
        streamed=streamed,
        failing=lambda _: {"content": [text(f"no: {SECRET}")], "isError": True},
        listed=lambda _: {"content": [], "structuredContent": [1, 2]},
        asking=lambda body: {
            "resultType": "input_required",
            "inputRequests": {"who": {"method": "roots/list"}},
        },
        writePrompt=lambda body: {"messages": [{"role": "assistant", "content": text(f"about {body.get('topic')}")}]},
        readFile=lambda body: {"contents": [{"uri": f"test://files/{body['id']}", "text": body["id"]}]},
    ) as started:
        yield started


def published() -> dict[str, Any]:
    return {
        "icon": ICON,
        "prompts": [
            {
                "name": "greet",
                "title": "Greet",
                "description": "Says hello",
                "arguments": [
                    {"name": "name", "title": "Name", "required": True, "complete": ["Ann", "Bob", "Anton"]},
                    {"name": "where"},
                ],
                "messages": [
                    {"role": "user", "content": text("Greet {{name}} in {{ where }}!")},
                    {"role": "user", "content": {"type": "image", "data": PICTURE, "mimeType": "image/png"}},
                    {
                        "role": "user",
                        "content": {"type": "resource", "resource": {"uri": "test://a", "text": "{{name}}"}},
                    },
                ],
            },
            {
                "name": "embed",
                "arguments": [{"name": "uri", "required": True}],
                "messages": [
                    {"role": "user", "content": {"type": "resource", "resource": {"uri": "{{uri}}", "text": "x"}}}
                ],
            },
            {"name": "written", "arguments": [{"name": "topic", "required": True}], "action": "writePrompt"},
        ],
        "resources": [
            {
                "uri": "test://static-text",
                "name": "static",
                "mimeType": "text/plain",
                "text": "as it is: {{x}}".replace("{{x}}", ""),
                "annotations": {"audience": ["assistant"], "lastModified": "2026-01-01T00:00:00Z"},
            },
            {"uri": "test://static-binary", "name": "binary", "mimeType": "image/png", "blob": PICTURE},
        ],
        "resourceTemplates": [
            {"uriTemplate": "test://template/{id}/data", "name": "template", "text": "the data of {{id}}"},
            {"uriTemplate": "test://files/{id}", "name": "files", "action": "readFile"},
        ],
    }


@pytest.fixture(scope="module")
def connector(service: Service, platform: McpPlatform) -> Iterator[str]:
    connector_id = f"speaker-{uuid.uuid4().hex[:8]}"
    client = service.client()
    document = platform.document(secured=True, **published())
    promise = {
        "type": "object",
        "required": ["content", "structuredContent"],
        "properties": {"structuredContent": {"$ref": "#/components/schemas/Promise"}},
    }
    document["components"]["schemas"] = {
        "Promise": {
            "type": "object",
            "required": ["id"],
            "additionalProperties": False,
            "properties": {
                "id": {"type": "integer", "readOnly": True},
                "secret": {"type": "string", "writeOnly": True},
            },
        }
    }
    answers = document["paths"]["/promised"]["post"]["responses"]
    answers["200"] = {"description": "ok", "content": {"application/json": {"schema": promise}}}
    for name in ("writePrompt", "readFile"):
        schema = document["paths"][f"/{name}"]["post"]["requestBody"]["content"]["application/json"]["schema"]
        schema["properties"] = {"topic": {"type": "string"}, "id": {"type": "string"}}
    added = client.post("/connectors", json={"id": connector_id, "document": document})
    assert added.status_code == 201, added.text
    stored = client.post(
        f"/connectors/{connector_id}/credentials",
        json={"userId": "me", "authenticationType": "bearer", "data": {"token": SECRET}},
    )
    assert stored.status_code == 200, stored.text
    yield connector_id
    client.delete(f"/connectors/{connector_id}")


class Wire:
    def __init__(self, service: Service, connector: str, **fields: Any) -> None:
        allowed = {"connectors": {"mode": "allowlist", "allowedIds": [connector]}}
        body = {"name": f"native {uuid.uuid4().hex}", "restrictions": allowed, **fields}
        self.http = service.client()
        made = self.http.post("/api/servers", json=body)
        assert made.status_code == 201, made.text
        self.server = made.json()
        self.rest = f"/api/servers/{self.server['serverId']}"

    def ask(self, method: str, params: dict[str, Any] | None = None, revision: str = "2025-11-25") -> dict[str, Any]:
        given = dict(params or {})
        headers = {"MCP-Protocol-Version": revision}
        if revision == MODERN:
            headers |= {"Mcp-Method": method, "Mcp-Name": given.get("name", given.get("uri", ""))}
            given["_meta"] = {
                "io.modelcontextprotocol/protocolVersion": MODERN,
                "io.modelcontextprotocol/clientCapabilities": {},
            }
        body = {"jsonrpc": "2.0", "id": 1, "method": method, "params": given}
        answer = httpx.post(self.server["accessUrl"], json=body, headers=headers, trust_env=False)
        found: dict[str, Any] = answer.json()
        return found

    def ok(self, method: str, params: dict[str, Any] | None = None, revision: str = "2025-11-25") -> Any:
        answer = self.ask(method, params, revision)
        assert "result" in answer, answer
        return answer["result"]

    def call(self, name: str, revision: str = "2025-11-25", **arguments: Any) -> Any:
        return self.ok("tools/call", {"name": name, "arguments": arguments}, revision)


@pytest.fixture(scope="module")
def direct(service: Service, connector: str) -> Wire:
    return Wire(service, connector, mode="direct")


@pytest.fixture(scope="module")
def eight(service: Service, connector: str) -> Wire:
    return Wire(service, connector)


class TestTools:
    @each_revision
    def test_blocks_and_structured_content(self, direct: Wire, revision: str) -> None:
        result = direct.call("everything", revision)
        first, picture, sound, inside, link = result["content"]
        assert first == {**text("hello"), "annotations": {"audience": ["user"], "priority": 0.5}}
        assert picture == {"type": "image", "data": PICTURE, "mimeType": "image/png"}
        assert inside == {
            "type": "resource",
            "resource": {"uri": "test://r", "mimeType": "text/plain", "text": "inside"},
        }
        if revision < "2025-03-26":
            assert sound["type"] == "resource"
            assert sound["resource"]["blob"] == PICTURE
        else:
            assert sound == {"type": "audio", "data": PICTURE, "mimeType": "audio/wav"}
        if revision < "2025-06-18":
            assert link == text("report <https://example.com/report>: All of it")
        else:
            assert link == LINK
        assert result.get("structuredContent") == ({"a": 1} if revision >= "2025-06-18" else None)
        assert "surplus" not in result

    @each_revision
    def test_structured_content_that_is_no_object(self, direct: Wire, revision: str) -> None:
        assert direct.call("listed", revision).get("structuredContent") == ([1, 2] if revision == MODERN else None)

    def test_an_answer_in_events(self, direct: Wire) -> None:
        assert direct.call("streamed") == {"content": []}

    def test_a_failure_keeps_the_secret(self, direct: Wire) -> None:
        result = direct.call("failing")
        assert result == {"content": [text("no: [credential]")], "isError": True}

    def test_what_is_sent(self, direct: Wire, platform: McpPlatform) -> None:
        direct.call("everything", say="hi")
        name, body, headers = platform.received[-1]
        assert (name, body["say"]) == ("everything", "hi")
        assert body["_meta"]["progress"] is False
        assert body["_meta"]["clientCapabilities"] == {}
        assert headers["authorization"] == f"Bearer {SECRET}"
        assert "text/event-stream" in headers["accept"]

    def test_meta_is_not_the_callers(self, direct: Wire, platform: McpPlatform) -> None:
        count = len(platform.received)
        asked = {"name": "everything", "arguments": {"_meta": {"requestState": "forged"}}}
        result = direct.ok("tools/call", asked)
        assert result["isError"]
        assert len(platform.received) == count

    @pytest.mark.parametrize(
        ("name", "why"),
        [
            ("noContent", "content"),
            ("badBlock", "content.0"),
            ("badBase64", "data that is not valid base64"),
            ("badUri", "content.0.resource.uri"),
            ("placeholder", "content.0.resource.uri"),
            ("tooDeep", "nested too deeply"),
            ("wayTooDeep", "the answer"),
            ("tooMany", "content"),
            ("tooLarge", "more than 5242880 bytes"),
            ("noResult", "without a result"),
            ("noJson", "no JSON"),
            ("plainText", "the answer"),
            ("writePrompt", "content"),
        ],
    )
    def test_what_is_no_result(self, direct: Wire, name: str, why: str) -> None:
        result = direct.call(name)
        error = json.loads(result["content"][0]["text"])["error"]
        assert (result["isError"], error["code"]) == (True, "UPSTREAM_ERROR")
        assert why in error["message"]

    def test_a_question_to_a_client_that_cannot_be_asked(self, direct: Wire) -> None:
        result = direct.call("asking")
        error = json.loads(result["content"][0]["text"])["error"]
        assert (result["isError"], error["code"]) == (True, "CONFLICT")
        assert "2026-07-28" in error["message"]

    def test_the_same_through_the_eight(self, eight: Wire, connector: str) -> None:
        asked = {"connectorId": connector, "actionId": "everything", "parameters": {}}
        result = eight.call("execute_action_alloy", **asked)
        assert [block["type"] for block in result["content"]] == ["text", "image", "audio", "resource", "resource_link"]
        assert result["structuredContent"]["responseData"] == {"a": 1}
        assert result["structuredContent"]["status"] == "completed"

    def test_what_makes_prompts_and_resources_is_no_tool(self, direct: Wire) -> None:
        names = {tool["name"] for tool in direct.ok("tools/list")["tools"]}
        assert "everything" in names
        assert not names & {"writePrompt", "readFile"}

    @each_revision
    def test_what_a_document_promises_of_its_answers(self, direct: Wire, revision: str) -> None:
        tools = {tool["name"]: tool for tool in direct.ok("tools/list", revision=revision)["tools"]}
        schema = tools["promised"].get("outputSchema")
        if revision < "2025-06-18":
            assert schema is None
        else:
            assert set(schema["properties"]) == {"id"}
            assert schema["required"] == ["id"]
        assert direct.call("promised", MODERN, say='{"id": 5}')["structuredContent"] == {"id": 5}
        for broken in ({}, {"say": '{"id": "5"}'}, {"say": '{"id": 5, "x": 1}'}):
            result = direct.call("promised", revision, **broken)
            assert json.loads(result["content"][0]["text"])["error"]["code"] == "UPSTREAM_ERROR"

    def test_icons(self, direct: Wire) -> None:
        assert direct.ok("tools/list")["tools"][0]["icons"] == [{"src": ICON}]
        assert "icons" not in direct.ok("tools/list", revision="2025-06-18")["tools"][0]

    def test_over_rest(self, direct: Wire) -> None:
        answer = direct.http.post(f"{direct.rest}/tools/everything", json={"arguments": {}})
        assert answer.status_code == 200, answer.text
        result = answer.json()["result"]
        assert [block["type"] for block in result["content"]] == ["text", "image", "audio", "resource", "resource_link"]
        assert result["responseData"] == {"a": 1}
        refused = direct.http.post(f"{direct.rest}/tools/asking", json={"arguments": {}})
        assert (refused.status_code, refused.json()["error"]["code"]) == (409, "CONFLICT")


class TestPrompts:
    @each_revision
    def test_listed(self, direct: Wire, revision: str) -> None:
        prompts = {prompt["name"]: prompt for prompt in direct.ok("prompts/list", revision=revision)["prompts"]}
        assert {"start", "greet", "embed", "written"} <= set(prompts)
        greet = prompts["greet"]
        assert [one["name"] for one in greet["arguments"]] == ["name", "where"]
        assert ("title" in greet, "title" in greet["arguments"][0]) == (revision >= "2025-06-18",) * 2
        assert ("icons" in greet) == (revision >= "2025-11-25")

    def test_filled_in(self, direct: Wire) -> None:
        found = direct.ok("prompts/get", {"name": "greet", "arguments": {"name": "{{where}}", "where": "Rome"}})
        contents = [message["content"] for message in found["messages"]]
        assert contents == [
            text("Greet {{where}} in Rome!"),
            {"type": "image", "data": PICTURE, "mimeType": "image/png"},
            {"type": "resource", "resource": {"uri": "test://a", "text": "{{where}}"}},
        ]

    def test_a_uri_is_a_uri(self, direct: Wire) -> None:
        found = direct.ok("prompts/get", {"name": "embed", "arguments": {"uri": "test://b"}})
        assert found["messages"][0]["content"]["resource"]["uri"] == "test://b"
        refused = direct.ask("prompts/get", {"name": "embed", "arguments": {"uri": "no uri"}})["error"]
        assert (refused["code"], refused["data"]["field"]) == (-32602, "arguments.uri")

    def test_made_by_an_action(self, direct: Wire) -> None:
        found = direct.ok("prompts/get", {"name": "written", "arguments": {"topic": "tea"}})
        assert found["messages"] == [{"role": "assistant", "content": text("about tea")}]

    @pytest.mark.parametrize(
        ("arguments", "field"),
        [({}, "arguments.name"), ({"name": 5}, "arguments.name"), ({"name": "a", "x": "b"}, "arguments.x")],
    )
    def test_wrong_arguments(self, direct: Wire, arguments: dict[str, Any], field: str) -> None:
        refused = direct.ask("prompts/get", {"name": "greet", "arguments": arguments})["error"]
        assert (refused["code"], refused["data"]["field"]) == (-32602, field)

    def test_completed(self, direct: Wire) -> None:
        asked = {"ref": {"type": "ref/prompt", "name": "greet"}, "argument": {"name": "name", "value": "an"}}
        assert direct.ok("completion/complete", asked)["completion"]["values"] == ["Ann", "Anton"]

    def test_names_of_several_connectors(self, service: Service, connector: str) -> None:
        several = Wire(service, connector, restrictions={"connectors": {"allowedIds": [connector, "slack"]}})
        names = {prompt["name"] for prompt in several.ok("prompts/list")["prompts"]}
        assert f"{connector}__greet" in names
        assert "greet" not in names
        asked = {"name": f"{connector}__greet", "arguments": {"name": "Ann"}}
        assert several.ok("prompts/get", asked)["messages"]

    def test_denied(self, service: Service, connector: str) -> None:
        blocked = {"connectors": {"blockedIds": [connector]}}
        without = Wire(service, connector, restrictions=blocked)
        assert "greet" not in json.dumps(without.ok("prompts/list"))
        refused = without.ask("prompts/get", {"name": f"{connector}__greet", "arguments": {"name": "Ann"}})["error"]
        assert refused["data"]["code"] == "FORBIDDEN"
        assert "test://" not in json.dumps(without.ok("resources/list"))
        assert without.ask("resources/read", {"uri": "test://static-text"})["error"]["code"] == -32002
        limited = Wire(
            service,
            connector,
            restrictions={
                "connectors": {"allowedIds": [connector]},
                "actions": {"blockedActions": ["writePrompt", "readFile"]},
            },
        )
        assert "written" not in json.dumps(limited.ok("prompts/list"))
        assert limited.ask("prompts/get", {"name": "written", "arguments": {"topic": "x"}})["error"]["code"] == -32602
        assert limited.ask("resources/read", {"uri": "test://files/7"})["error"]["code"] == -32002

    def test_over_rest(self, direct: Wire) -> None:
        listed = direct.http.get(f"{direct.rest}/prompts").json()["prompts"]
        assert listed[3]["name"] == "start"
        assert "greet" in {prompt["name"] for prompt in listed}
        answer = direct.http.post(f"{direct.rest}/prompts/greet", json={"arguments": {"name": "Ann"}})
        assert answer.status_code == 200, answer.text
        assert answer.json()["messages"][1]["content"]["type"] == "image"


def test_a_replaced_document_counts_at_once(service: Service, platform: McpPlatform) -> None:
    connector_id, client = f"changing-{uuid.uuid4().hex[:8]}", service.client()
    before = [{"name": "before", "messages": [{"role": "user", "content": text("a")}]}]
    document = platform.document(prompts=before)
    assert client.post("/connectors", json={"id": connector_id, "document": document}).status_code == 201
    one = Wire(service, connector_id, mode="direct")

    def shown() -> tuple[set[str], set[str]]:
        prompts = {prompt["name"] for prompt in one.ok("prompts/list")["prompts"]}
        return prompts & {"before", "after"}, {tool["name"] for tool in one.ok("tools/list")["tools"]} & {"failing"}

    # Twice: the second answer is the one that was kept.
    assert [shown(), shown()] == [({"before"}, {"failing"})] * 2
    document["x-connector"]["prompts"][0]["name"] = "after"
    del document["paths"]["/failing"]
    assert client.put(f"/connectors/{connector_id}", json={"document": document}).status_code == 200
    assert [shown(), shown()] == [({"after"}, set())] * 2
    client.delete(f"/connectors/{connector_id}")


def test_what_two_publish_at_one_address_is_listed_as_it_is_read(service: Service, platform: McpPlatform) -> None:
    client = service.client()
    ids = [f"same-{letter}-{uuid.uuid4().hex[:8]}" for letter in "ab"]
    for connector_id in ids:
        document = platform.document(
            resources=[{"uri": "same://one", "name": connector_id, "text": connector_id}],
            resourceTemplates=[{"uriTemplate": "same://many/{id}", "name": connector_id, "text": connector_id}],
        )
        assert client.post("/connectors", json={"id": connector_id, "document": document}).status_code == 201
    both = Wire(service, ids[0], restrictions={"connectors": {"allowedIds": ids}})
    listed = {
        **{one["uri"]: one["name"] for one in both.ok("resources/list")["resources"]},
        **{one["uriTemplate"]: one["name"] for one in both.ok("resources/templates/list")["resourceTemplates"]},
    }
    for address, uri in (("same://one", "same://one"), ("same://many/{id}", "same://many/1")):
        assert listed[address] == both.ok("resources/read", {"uri": uri})["contents"][0]["text"]
    for connector_id in ids:
        client.delete(f"/connectors/{connector_id}")


class TestResources:
    @each_revision
    def test_listed(self, direct: Wire, revision: str) -> None:
        resources = {one["uri"]: one for one in direct.ok("resources/list", revision=revision)["resources"]}
        static = resources["test://static-text"]
        assert (static["name"], static["mimeType"]) == ("static", "text/plain")
        assert ("icons" in static) == (revision >= "2025-11-25")
        assert ("annotations" in static) == (revision >= "2025-03-26")
        assert ("lastModified" in static.get("annotations", {})) == (revision >= "2025-06-18")
        templates = direct.ok("resources/templates/list", revision=revision)["resourceTemplates"]
        assert "test://template/{id}/data" in {one["uriTemplate"] for one in templates}

    @each_revision
    def test_read(self, direct: Wire, revision: str) -> None:
        def read(uri: str) -> Any:
            return direct.ok("resources/read", {"uri": uri}, revision)["contents"]

        assert read("test://static-text") == [
            {"uri": "test://static-text", "mimeType": "text/plain", "text": "as it is: "}
        ]
        assert read("test://static-binary") == [
            {"uri": "test://static-binary", "mimeType": "image/png", "blob": PICTURE}
        ]
        uri = "test://template/a%20b/data"
        assert read(uri) == [{"uri": uri, "mimeType": "text/plain", "text": "the data of a b"}]
        assert read("test://files/7") == [{"uri": "test://files/7", "text": "7"}]

    @pytest.mark.parametrize(
        "uri", ["test://none", "test://template/a/b/data", "test://files/", "nonsense", "test://files/%zz"]
    )
    def test_not_there(self, direct: Wire, uri: str) -> None:
        assert direct.ask("resources/read", {"uri": uri})["error"]["code"] == -32002

    def test_over_rest(self, direct: Wire) -> None:
        listed = direct.http.get(f"{direct.rest}/resources")
        assert "test://static-binary" in {one["uri"] for one in listed.json()["resources"]}
        assert direct.http.get(f"{direct.rest}/resources/templates").status_code == 200
        for uri in ("test://static-binary", "test://files/7", "test://template/x/data"):
            answer = direct.http.get(f"{direct.rest}/resources/read", params={"uri": uri})
            assert answer.status_code == 200, answer.text
