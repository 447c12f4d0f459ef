"""The two flags of a server, and what a read-only one shows and refuses, at every door."""

import json
import uuid
from collections.abc import Iterator
from typing import Any

import pytest

import spec
from gateway.catalog.loader import load_shipped
from support import upstream as platforms
from support.destroying import ACTIONS, DOORS, LEGACY, Place, document
from support.jwts import token
from support.listening import Wire, meta
from support.owners import refusal
from support.service import Service
from support.upstream import Upstream

SHIPPED = [load_shipped(name) for name in spec.connector_names()]
READ = {action for action, (reads, _) in ACTIONS.items() if reads}
RESOURCES = [
    {"uri": "tasks://all", "name": "all", "action": "listTasks"},
    {"uri": "tasks://purge", "name": "purge", "action": "purgeByGet"},
]
TEMPLATES = [{"uriTemplate": "tasks://gone/{id}", "name": "gone", "action": "deleteTask"}]


@pytest.fixture(scope="module")
def upstream() -> Iterator[Upstream]:
    with platforms.running() as started:
        yield started


@pytest.fixture(scope="module")
def connector(service: Service, upstream: Upstream) -> Iterator[str]:
    name = f"tasks-{uuid.uuid4().hex[:8]}"
    described = document(upstream, resources=RESOURCES, resourceTemplates=TEMPLATES)
    added = service.client().post("/connectors", json={"id": name, "document": described})
    assert added.status_code == 201, added.text
    yield name
    service.client().delete(f"/connectors/{name}")


@pytest.fixture
def place(service: Service, upstream: Upstream, connector: str) -> Place:
    return Place(service, upstream, connector)


@pytest.fixture(params=["connectivity", "direct"])
def safe(request: pytest.FixtureRequest, service: Service, upstream: Upstream, connector: str) -> Place:
    return Place(service, upstream, connector, mode=request.param, readOnly=True)


class TestTheFlags:
    def test_they_are_off_until_set_and_set_one_by_one(self, place: Place) -> None:
        http, path = place.owner.http, f"{place.path}/safety"
        this = {"serverId": place.server["serverId"]}
        first = http.get(path)
        assert first.json() == {**this, "readOnly": False, "confirmDestructive": False}
        assert first.headers["etag"] == http.get(place.path).headers["etag"]
        assert http.put(path, json={"readOnly": True}).json() == {
            **this,
            "readOnly": True,
            "confirmDestructive": False,
        }
        both = http.put(path, json={"confirmDestructive": True})
        assert both.json() == {**this, "readOnly": True, "confirmDestructive": True}
        assert http.put(path, json={"readOnly": False}).json()["confirmDestructive"] is True
        assert place.events() == ["server.safety"] * 3
        # Neither does the user's own update-server know of them, nor does it undo them.
        changed = http.put(place.path, json={"description": "x", "restrictions": {}})
        assert not {"readOnly", "confirmDestructive"} & set(changed.json())
        assert http.get(path).json()["confirmDestructive"] is True
        assert refusal(http.put(place.path, json={"readOnly": False}))[:2] == (400, "INVALID_REQUEST")

    def test_on_creation(self, place: Place) -> None:
        made = place.owner.create(f"made {uuid.uuid4().hex[:8]}", readOnly=True)
        said = place.owner.http.get(f"/api/servers/{made['serverId']}/safety").json()
        assert (said["readOnly"], said["confirmDestructive"]) == (True, False)
        assert made["hasRestrictions"] is False

    def test_of_two_writers_one_learns_of_the_other(self, place: Place) -> None:
        http, path = place.owner.http, f"{place.path}/safety"
        seen = http.get(path).headers["etag"]
        first = http.put(path, json={"readOnly": True}, headers={"If-Match": seen})
        assert first.status_code == 200
        assert first.headers["etag"] != seen
        second = http.put(path, json={"readOnly": False}, headers={"If-Match": seen})
        assert refusal(second)[:2] == (412, "PRECONDITION_FAILED")
        assert http.get(path).json()["readOnly"] is True
        assert http.get(path, headers={"If-None-Match": first.headers["etag"]}).status_code == 304
        assert http.get(path, headers={"If-None-Match": seen}).status_code == 200

    @pytest.mark.parametrize(
        ("body", "field", "rule"),
        [
            ({"readOnly": "yes"}, "readOnly", "type"),
            ({"readOnly": None}, "readOnly", "type"),
            ({"confirmDestructive": 1}, "confirmDestructive", "type"),
            ({"readonly": True}, "readonly", "additionalProperties"),
            ({"readOnly": True, "mode": "direct"}, "mode", "additionalProperties"),
            ([], "body", "type"),
        ],
    )
    def test_bad_bodies(self, place: Place, body: Any, field: str, rule: str) -> None:
        answer = place.owner.http.put(f"{place.path}/safety", json=body)
        assert refusal(answer) == (400, "INVALID_REQUEST", (field, rule))
        assert place.owner.http.get(f"{place.path}/safety").json()["readOnly"] is False

    def test_whose_they_are(self, service: Service, place: Place) -> None:
        path, body = f"{place.path}/safety", {"readOnly": True}
        use = service.run("keys", "create", "--user", place.owner.user, "--scope", "use").stdout.strip()
        bare = place.server["accessUrl"].rsplit("/", 1)[1]
        for bearer, expected in ((use, 403), (service.key, 404), (token("stranger"), 404), (bare, 401)):
            client = service.client(Authorization=f"Bearer {bearer}")
            assert client.put(path, json=body).status_code == expected
        assert service.client(Authorization=f"Bearer {token('stranger')}").get(path).status_code == 404
        assert place.owner.http.get(path).json()["readOnly"] is False


class TestReadOnly:
    @pytest.mark.parametrize("door", DOORS)
    @pytest.mark.parametrize("action", [*ACTIONS, "no-such-action"])
    def test_only_what_reads_runs(self, safe: Place, door: str, action: str) -> None:
        before = safe.ran()
        status, said = getattr(safe, door)(action, {} if action in READ else {"id": "1"})
        assert (status, safe.ran() - before) == ((200, 1) if action in READ else (403, 0)), said
        if action not in READ:
            assert (said["code"], said["message"]) == ("FORBIDDEN", "Action not allowed")

    def test_the_rest_is_not_there(self, safe: Place) -> None:
        def tool(name: str, arguments: dict[str, Any]) -> dict[str, Any]:
            answer = safe.owner.http.post(f"{safe.path}/tools/{name}", json={"arguments": arguments})
            found: dict[str, Any] = answer.json()
            return found

        if safe.server["mode"] == "direct":
            names = {one["name"] for one in safe.owner.http.get(f"{safe.path}/tools").json()["tools"]}
            assert names == READ
        else:
            shown = tool("get_connector_resources_alloy", {"connectorId": safe.connector})["result"]["resources"]
            assert {action["id"] for group in shown for action in group["actions"]} == READ
            found = tool("discover_action_path_alloy", {"goal": "delete archive purge a task"})["result"]
            assert {action["actionId"] for action in found["actions"]} <= READ
            for action in ACTIONS:
                said = tool("get_action_details_alloy", {"connectorId": safe.connector, "actionId": action})
                assert ("result" in said) is (action in READ)
        connector = safe.rpc("resources/read", {"uri": f"toolgate://connectors/{safe.connector}"}, revision=LEGACY)
        shown = json.loads(connector["result"]["contents"][0]["text"])["resources"]
        assert {action["id"] for group in shown for action in group["actions"]} == READ
        reference = {"type": "ref/prompt", "name": "explain-denial"}
        proposed = safe.rpc(
            "completion/complete", {"ref": reference, "argument": {"name": "action", "value": ""}}, revision=LEGACY
        )
        assert set(proposed["result"]["completion"]["values"]) == READ

    def test_what_connectors_publish_with_it(self, safe: Place) -> None:
        listed = safe.rpc("resources/list", {}, revision=LEGACY)["result"]["resources"]
        assert {one["uri"] for one in listed if one["uri"].startswith("tasks:")} == {"tasks://all"}
        templates = safe.rpc("resources/templates/list", {}, revision=LEGACY)["result"]["resourceTemplates"]
        assert not [one for one in templates if one["uriTemplate"].startswith("tasks:")]
        before = safe.ran()
        for uri in ("tasks://purge", "tasks://gone/1"):
            assert "error" in safe.rpc("resources/read", {"uri": uri}, revision=LEGACY)
            assert safe.owner.http.get(f"{safe.path}/resources/read", params={"uri": uri}).status_code == 404
        assert safe.ran() == before
        assert safe.rpc("resources/read", {"uri": "tasks://all"}, revision=LEGACY)["result"]["contents"]

    def test_it_is_explained(self, safe: Place) -> None:
        def asked(action: str) -> dict[str, Any]:
            params = {"connector": safe.connector, "action": action}
            found: dict[str, Any] = safe.owner.http.get(f"{safe.path}/access", params=params).json()
            return found

        assert asked("listTasks")["allowed"] is True
        assert "it only reads" in asked("listTasks")["rule"]
        for action in ("deleteTask", "purgeByGet", "no-such-action"):
            said = asked(action)
            assert (said["allowed"], said["reason"], said["rule"]) == (
                False,
                "Action not allowed",
                "the server is read-only",
            )
        contents = safe.rpc("resources/read", {"uri": "toolgate://server/policy"}, revision=LEGACY)["result"][
            "contents"
        ]
        assert "read-only" in contents[0]["text"]
        assert json.loads(contents[1]["text"])["readOnly"] is True
        arguments = {"connector": safe.connector, "action": "deleteTask"}
        prompt = safe.rpc("prompts/get", {"name": "explain-denial", "arguments": arguments}, revision=LEGACY)
        assert "/safety" in prompt["result"]["messages"][0]["content"]["text"]

    def test_credentials_can_still_be_stored(self, service: Service, place: Place) -> None:
        open_to_all = place.owner.create(f"safe {uuid.uuid4().hex[:8]}", readOnly=True)
        body = {"connectorId": "slack", "authenticationType": "bearer", "fields": {"token": "an-invented-token"}}
        path = f"/api/servers/{open_to_all['serverId']}/tools/create_credential_alloy"
        assert place.owner.http.post(path, json={"arguments": body}).status_code == 200

    def test_nobody_is_asked_there(self, service: Service, upstream: Upstream, connector: str) -> None:
        both = Place(service, upstream, connector, readOnly=True, confirmDestructive=True)
        assert both.rest("deleteTask", {"id": "1"})[0] == 403
        assert both.asking("deleteTask", {"id": "1"})["isError"]
        assert both.approvals() == []


def test_a_list_that_was_kept_is_made_anew(place: Place) -> None:
    place.owner.http.put(place.path, json={"mode": "direct"})

    def names() -> set[str]:
        return {one["name"] for one in place.rpc("tools/list", {})["result"]["tools"]}

    assert names() == names() == set(ACTIONS)
    place.owner.http.put(f"{place.path}/safety", json={"readOnly": True})
    assert names() == READ
    place.service.run("servers", "safety", place.server["serverId"], "--no-read-only")
    assert names() == set(ACTIONS)


@pytest.mark.parametrize("flag", ["readOnly", "confirmDestructive"])
def test_who_listens_is_told(service: Service, place: Place, flag: str) -> None:
    params = {"_meta": meta(), "notifications": {"toolsListChanged": True}}
    message = {"jsonrpc": "2.0", "id": 1, "method": "subscriptions/listen", "params": params}
    with Wire(service, place.server["accessUrl"], message) as wire:
        assert wire.event()["method"] == "notifications/subscriptions/acknowledged"
        place.owner.http.put(f"{place.path}/safety", json={flag: True})
        assert wire.event()["method"] == "notifications/tools/list_changed"


def test_annotations_say_it(service: Service, upstream: Upstream, connector: str) -> None:
    direct = Place(service, upstream, connector, mode="direct")
    tools = direct.rpc("tools/list", {})["result"]["tools"]
    hints = {tool["name"]: tool["annotations"] for tool in tools}
    assert {name for name, said in hints.items() if said["readOnlyHint"]} == READ
    destroying = {name for name, (_, destroys) in ACTIONS.items() if destroys}
    # To replace is to overwrite, for MCP; nobody is asked for it.
    assert {name for name, said in hints.items() if said["destructiveHint"]} == destroying | {"replaceTask"}


class TestEveryShippedAction:
    """Whatever a shipped connector can do: a read-only server shows and runs what reads, and nothing else."""

    def test_it_is_listed_where_it_only_reads(self, place: Place) -> None:
        expected = {
            f"{connector.connector_id}__{action.action_id}": action.read_only
            for connector in SHIPPED
            for action in connector.actions.values()
        }
        made = place.owner.create(f"all {uuid.uuid4().hex[:8]}", readOnly=True, mode="direct")
        names: set[str] = set()
        params: dict[str, Any] = {"limit": 1000}
        while True:
            page = place.owner.http.get(f"/api/servers/{made['serverId']}/tools", params=params).json()
            names |= {tool["name"] for tool in page["tools"]}
            if "nextCursor" not in page:
                break
            params["cursor"] = page["nextCursor"]
        ours = {name for name, reads in expected.items() if reads}
        assert len(ours) > 200
        shipped_ids = {connector.connector_id for connector in SHIPPED}
        assert {name for name in names if name.partition("__")[0] in shipped_ids} == ours

    def test_it_is_refused_where_it_does_not(self, place: Place) -> None:
        made = place.owner.create(f"all {uuid.uuid4().hex[:8]}", readOnly=True)
        path = f"/api/servers/{made['serverId']}/tools"
        refused = 0
        for connector in SHIPPED:
            for action in connector.actions.values():
                asked = {"connectorId": connector.connector_id, "actionId": action.action_id}
                details = place.owner.http.post(f"{path}/get_action_details_alloy", json={"arguments": asked})
                assert details.status_code == (200 if action.read_only else 403), asked
                if not action.read_only:
                    run = {"arguments": {**asked, "parameters": {}}}
                    answer = place.owner.http.post(f"{path}/execute_action_alloy", json=run)
                    assert refusal(answer)[:2] == (403, "FORBIDDEN"), asked
                    assert answer.json()["error"]["message"] == "Action not allowed"
                    refused += 1
        assert refused > 200
