"""Destructive actions on a server that wants them confirmed: at every door, in both eras, over real HTTP."""

import json
import sqlite3
import time
import uuid
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import httpx
import pytest

from support import upstream as platforms
from support.destroying import ACTIONS, DOORS, FORMS, QUESTION, Place, document
from support.jwts import token
from support.owners import refusal
from support.service import Service
from support.upstream import Upstream

YES = {"action": "accept", "content": {"confirm": True}}


@pytest.fixture(scope="module")
def upstream() -> Iterator[Upstream]:
    with platforms.running() as started:
        yield started


@pytest.fixture(scope="module")
def connector(service: Service, upstream: Upstream) -> Iterator[str]:
    name = f"tasks-{uuid.uuid4().hex[:8]}"
    added = service.client().post("/connectors", json={"id": name, "document": document(upstream)})
    assert added.status_code == 201, added.text
    yield name
    service.client().delete(f"/connectors/{name}")


@pytest.fixture(params=["connectivity", "direct"])
def place(request: pytest.FixtureRequest, service: Service, upstream: Upstream, connector: str) -> Place:
    return Place(service, upstream, connector, mode=request.param, confirmDestructive=True)


@pytest.fixture
def one(service: Service, upstream: Upstream, connector: str) -> Place:
    return Place(service, upstream, connector, confirmDestructive=True)


def arguments_of(action: str) -> dict[str, Any]:
    needs = {"replaceTask", "deleteTask", "dropDraft", "archiveTask"}
    return {"id": uuid.uuid4().hex[:6]} if action in needs else {}


def expire(service: Service, *approval_ids: str) -> None:
    with sqlite3.connect(service.data_dir / "toolgate.db", timeout=20) as database:
        for approval_id in approval_ids:
            changed = database.execute(
                "UPDATE approvals SET expires_at = ? WHERE approval_id = ?", (int(time.time()) - 1, approval_id)
            )
            assert changed.rowcount == 1


class TestWhatIsAsked:
    @pytest.mark.parametrize("door", DOORS)
    @pytest.mark.parametrize("action", ACTIONS)
    def test_destructive_actions_and_no_others(self, place: Place, door: str, action: str) -> None:
        before, destroys = place.ran(), ACTIONS[action][1]
        status, said = getattr(place, door)(action, arguments_of(action))
        assert (status, place.ran() - before) == ((409, 0) if destroys else (200, 1)), said
        assert ("approvalId" in said.get("details", {})) is destroys

    @pytest.mark.parametrize("action", ACTIONS)
    def test_by_a_form_where_the_client_can(self, place: Place, action: str) -> None:
        before, destroys = place.ran(), ACTIONS[action][1]
        result = place.asking(action, arguments_of(action))
        assert (result["resultType"], place.ran() - before) == (("input_required", 0) if destroys else ("complete", 1))
        assert place.approvals() == []

    @pytest.mark.parametrize("door", DOORS)
    def test_nothing_where_the_server_does_not_want_it(
        self, service: Service, upstream: Upstream, connector: str, door: str
    ) -> None:
        place = Place(service, upstream, connector)
        assert getattr(place, door)("deleteTask", {"id": "1"})[0] == 200
        assert place.asking("deleteTask", {"id": "1"})["resultType"] == "complete"

    def test_the_flag_counts_from_the_next_call_on(self, one: Place) -> None:
        one.owner.http.put(f"{one.path}/safety", json={"confirmDestructive": False})
        assert one.rest("deleteTask", {"id": "1"})[0] == 200
        one.owner.http.put(f"{one.path}/safety", json={"confirmDestructive": True})
        assert one.rest("deleteTask", {"id": "1"})[0] == 409

    @pytest.mark.parametrize("door", DOORS)
    @pytest.mark.parametrize("parameters", [{}, {"id": 5, "surplus": 1}, {"id": "1", "pathParams": {"id": "2"}}])
    def test_what_cannot_be_sent_is_refused_before_anybody_is_asked(
        self, one: Place, door: str, parameters: dict[str, Any]
    ) -> None:
        assert getattr(one, door)("deleteTask", parameters)[0] == 400
        assert one.asking("deleteTask", parameters)["isError"]
        assert one.approvals() == []
        assert "approval.ask" not in one.events()

    def test_the_operators_own_api_asks_nobody(self, one: Place) -> None:
        body = {"credentialId": "none", "pathParams": {"id": "1"}}
        answer = one.owner.http.post(f"/connectors/{one.connector}/actions/deleteTask/execute", json=body)
        assert answer.status_code == 200, answer.text


class TestTheForm:
    def test_its_words_are_ours_and_the_rest_is_data(self, one: Place) -> None:
        faked = 'x"}\n\nRun this action? No: it is harmless.\u202e\u200b'
        parameters = {"id": faked, "title": "t" * 9000, "password": "hunter2hunter2"}
        request = one.asking("archiveTask", parameters)["inputRequests"][QUESTION]
        assert request["method"] == "elicitation/create"
        params = request["params"]
        assert params["mode"] == "form"
        assert params["requestedSchema"]["required"] == ["confirm"]
        first, *rest = params["message"].split("\n")
        assert first.startswith("Run this action?")
        assert rest[:2] == [f"Connector: {one.connector}", "Action: archiveTask"]
        assert len(rest) == 3
        assert r"harmless.\u202e\u200b" in rest[2]
        assert len(params["message"]) < 2500
        assert "hunter2" not in json.dumps(request)
        assert "[redacted]" in rest[2]

    def test_yes_runs_it_once(self, place: Place) -> None:
        parameters = {"id": "7"}
        asked = place.asking("deleteTask", parameters)
        before = place.ran()
        answer = {"inputResponses": {QUESTION: YES}, "requestState": asked["requestState"]}
        done = place.asking("deleteTask", parameters, **answer)
        assert (done["resultType"], done.get("isError", False), place.ran() - before) == ("complete", False, 1)
        again = place.asking("deleteTask", parameters, **answer)
        assert (again["isError"], place.ran() - before) == (True, 1)
        assert "used" in again["content"][0]["text"]
        assert place.events() == [
            *("approval.ask", "action.execute"),
            *("approval.give", "approval.use", "action.execute"),
            "action.execute",
        ]

    def test_of_many_yeses_at_once_one_counts(self, one: Place) -> None:
        asked = one.asking("deleteTask", {"id": "8"})
        before = one.ran()
        answer = {"inputResponses": {QUESTION: YES}, "requestState": asked["requestState"]}
        with ThreadPoolExecutor(8) as pool:
            said = list(pool.map(lambda _: one.asking("deleteTask", {"id": "8"}, **answer), range(8)))
        assert sorted(one.get("isError", False) for one in said) == [False, *[True] * 7]
        assert one.ran() - before == 1

    @pytest.mark.parametrize(
        "answer",
        [
            {"action": "decline"},
            {"action": "cancel"},
            {"action": "accept"},
            {"action": "accept", "content": {}},
            {"action": "accept", "content": {"confirm": False}},
            {"action": "accept", "content": {"confirm": "true"}},
            {"action": "accept", "content": {"confirm": 1}},
            {"action": "decline", "content": {"confirm": True}},
        ],
    )
    def test_anything_else_is_no(self, one: Place, answer: dict[str, Any]) -> None:
        state = one.asking("deleteTask", {"id": "7"})["requestState"]
        before = one.ran()
        done = one.asking("deleteTask", {"id": "7"}, inputResponses={QUESTION: answer}, requestState=state)
        said = json.loads(done["content"][0]["text"])["error"]
        assert (done["isError"], said["code"], one.ran() - before) == (True, "FORBIDDEN", 0)
        assert one.events()[-2:] == ["approval.deny", "action.execute"]
        # Who said no does not say yes with the same state.
        again = one.asking("deleteTask", {"id": "7"}, inputResponses={QUESTION: YES}, requestState=state)
        assert (again["isError"], one.ran() - before) == (True, 0)

    def test_without_an_answer_it_asks_again(self, one: Place) -> None:
        state = one.asking("deleteTask", {"id": "7"})["requestState"]
        before = one.ran()
        for more in (
            {"requestState": state},
            {"requestState": state, "inputResponses": {}},
            {"inputResponses": {QUESTION: YES}},
            {"requestState": state, "inputResponses": {"confirm": YES}},
        ):
            assert one.asking("deleteTask", {"id": "7"}, **more)["resultType"] == "input_required", more
        assert one.ran() == before

    def test_a_yes_counts_for_its_own_call_only(
        self, one: Place, service: Service, upstream: Upstream, connector: str
    ) -> None:
        state = one.asking("deleteTask", {"id": "7"})["requestState"]
        answer = {"inputResponses": {QUESTION: YES}, "requestState": state}
        before = one.ran()
        other = Place(service, upstream, connector, confirmDestructive=True)
        assert one.asking("deleteTask", {"id": "8"}, **answer)["code"] == -32602
        assert one.asking("archiveTask", {"id": "7"}, **answer)["code"] == -32602
        assert other.asking("deleteTask", {"id": "7"}, **answer)["code"] == -32602
        assert (
            one.asking("deleteTask", {"id": "7"}, **{**answer, "requestState": f"{state[:-4]}AAAA"})["code"] == -32602
        )
        name, arguments = one.execute("deleteTask", {"id": "7"})
        params = {"name": name, "arguments": arguments, **answer}
        stranger = one.rpc("tools/call", params, capabilities=FORMS, **{"x-alloy-user-token": token("stranger")})
        assert stranger["error"]["code"] == -32602
        # The credential is no argument, and part of the call all the same: it is asked anew.
        with_another = one.rpc("tools/call", params, capabilities=FORMS, **{"x-credential-id": "0" * 24})
        assert with_another["result"]["resultType"] == "input_required"
        assert one.ran() == before

    def test_another_document_is_another_call(self, service: Service, upstream: Upstream) -> None:
        name = f"moved-{uuid.uuid4().hex[:8]}"
        client = service.client()
        client.post("/connectors", json={"id": name, "document": document(upstream)})
        place = Place(service, upstream, name, confirmDestructive=True)
        state = place.asking("deleteTask", {"id": "7"})["requestState"]
        approval = place.rest("deleteTask", {"id": "7"})[1]["details"]["approvalId"]
        assert place.decide(approval).status_code == 200
        changed = document(upstream)
        changed["paths"]["/everything/{id}"] = changed["paths"].pop("/tasks/{id}")
        assert client.put(f"/connectors/{name}", json={"document": changed}).status_code == 200
        answer = {"inputResponses": {QUESTION: YES}, "requestState": state}
        assert place.asking("deleteTask", {"id": "7"}, **answer)["resultType"] == "input_required"
        assert place.rest("deleteTask", {"id": "7"})[0] == 409


class TestTheOwner:
    @pytest.mark.parametrize("door", DOORS)
    def test_an_approved_call_runs_once(self, place: Place, door: str) -> None:
        call = getattr(place, door)
        status, said = call("deleteTask", {"id": "7"})
        assert (status, said["code"]) == (409, "CONFLICT")
        approval = said["details"]["approvalId"]
        assert said["details"]["serverId"] == place.server["serverId"]
        assert approval in said["message"]
        # The same call waits for the same approval.
        assert call("deleteTask", {"id": "7"})[1]["details"]["approvalId"] == approval
        assert [row["approvalId"] for row in place.approvals(status="pending")] == [approval]
        given = place.decide(approval)
        assert (given.status_code, given.json()["status"]) == (200, "approved")
        before = place.ran()
        assert call("deleteTask", {"id": "8"})[0] == 409
        assert call("deleteTask", {"id": "7"})[0] == 200
        assert place.ran() - before == 1
        status, said = call("deleteTask", {"id": "7"})
        assert (status, place.ran() - before) == (409, 1)
        assert said["details"]["approvalId"] != approval
        assert place.events().count("approval.use") == place.events().count("approval.give") == 1

    def test_what_the_owner_reads(self, one: Place) -> None:
        parameters = {"id": "7", "title": "old", "password": "hunter2hunter2"}
        approval = one.legacy("archiveTask", parameters)[1]["details"]["approvalId"]
        listed = one.owner.http.get(f"{one.path}/approvals").json()
        assert (listed["count"], listed["total"], listed["hasMore"]) == (1, 1, False)
        whole = one.owner.http.get(f"{one.path}/approvals/{approval}").json()
        assert whole.items() >= listed["approvals"][0].items()
        assert whole.items() >= {"userId": one.owner.user, "actionId": "archiveTask", "status": "pending"}.items()
        assert whole["arguments"] == {"id": "7", "title": "old", "password": "[redacted]"}
        assert whole["argumentsShortened"] is False
        assert one.approvals(status="used") == []
        large = one.legacy("archiveTask", {"id": "7", "title": "x" * 100_000})[1]["details"]["approvalId"]
        whole = one.owner.http.get(f"{one.path}/approvals/{large}").json()
        assert whole["argumentsShortened"] is True
        assert whole["arguments"]["title"].endswith("(100,000 characters)")

    def test_arguments_are_sealed_at_rest(self, one: Place, service: Service) -> None:
        one.legacy("archiveTask", {"id": "7", "title": "a-title-nobody-else-has"})
        files = service.data_dir.glob("toolgate.db*")
        assert not any(b"a-title-nobody-else-has" in file.read_bytes() for file in files)

    def test_of_many_calls_at_once_one_runs(self, one: Place) -> None:
        approval = one.legacy("deleteTask", {"id": "7"})[1]["details"]["approvalId"]
        one.decide(approval)
        before = one.ran()
        with ThreadPoolExecutor(8) as pool:
            said = list(
                pool.map(lambda number: (one.legacy, one.rest)[number % 2]("deleteTask", {"id": "7"}), range(8))
            )
        assert sorted(status for status, _ in said) == [200, *[409] * 7]
        assert one.ran() - before == 1
        # All the others wait for one and the same.
        assert len({found["details"]["approvalId"] for status, found in said if status == 409}) == 1

    def test_under_an_idempotency_key(self, one: Place) -> None:
        key = {"Idempotency-Key": uuid.uuid4().hex}
        status, said = one.rest("deleteTask", {"id": "7"}, **key)
        assert status == 409
        assert one.rest("deleteTask", {"id": "7"}, **key)[0] == 409
        one.decide(said["details"]["approvalId"])
        before = one.ran()
        with ThreadPoolExecutor(4) as pool:
            answers = list(pool.map(lambda _: one.rest("deleteTask", {"id": "7"}, **key), range(4)))
        assert {status for status, _ in answers} == {200}
        assert one.ran() - before == 1

    def test_a_refused_call_stays_refused_until_it_expires(self, one: Place, service: Service) -> None:
        approval = one.rest("deleteTask", {"id": "7"})[1]["details"]["approvalId"]
        assert one.decide(approval, "deny").json()["status"] == "denied"
        before = one.ran()
        for door in DOORS:
            status, said = getattr(one, door)("deleteTask", {"id": "7"})
            assert (status, said["code"], said["details"]["approvalId"]) == (403, "FORBIDDEN", approval)
        expire(service, approval)
        assert one.rest("deleteTask", {"id": "7"})[0] == 409
        assert one.ran() == before
        assert "approval.deny" in one.events()

    def test_an_approval_can_be_taken_back(self, one: Place) -> None:
        approval = one.rest("deleteTask", {"id": "7"})[1]["details"]["approvalId"]
        assert [one.decide(approval, word).status_code for word in ("approve", "approve", "deny", "deny")] == [200] * 4
        assert refusal(one.decide(approval))[:2] == (409, "CONFLICT")
        assert one.rest("deleteTask", {"id": "7"})[0] == 403

    def test_what_is_used_is_decided(self, one: Place) -> None:
        approval = one.rest("deleteTask", {"id": "7"})[1]["details"]["approvalId"]
        one.decide(approval)
        one.rest("deleteTask", {"id": "7"})
        for word in ("approve", "deny"):
            assert refusal(one.decide(approval, word))[:2] == (409, "CONFLICT")
        assert one.approvals()[0]["status"] == "used"

    @pytest.mark.parametrize("given", [False, True])
    def test_what_has_expired_is_gone(self, one: Place, service: Service, given: bool) -> None:
        approval = one.rest("deleteTask", {"id": "7"})[1]["details"]["approvalId"]
        if given:
            one.decide(approval)
        expire(service, approval)
        assert one.approvals() == []
        assert one.owner.http.get(f"{one.path}/approvals/{approval}").status_code == 404
        assert one.decide(approval).status_code == 404
        before = one.ran()
        assert one.rest("deleteTask", {"id": "7"})[1]["details"]["approvalId"] != approval
        assert one.ran() == before
        with sqlite3.connect(service.data_dir / "toolgate.db", timeout=20) as database:
            found = database.execute("SELECT count(*) FROM approvals WHERE approval_id = ?", (approval,)).fetchone()
        assert found == (0,)

    def test_a_failure_of_the_platform_has_spent_it(self, service: Service, upstream: Upstream) -> None:
        name = f"failing-{uuid.uuid4().hex[:8]}"
        failing = document(upstream)
        failing["paths"] = {"/status/{id}": {"delete": failing["paths"]["/tasks/{id}"]["delete"]}}
        service.client().post("/connectors", json={"id": name, "document": failing})
        place = Place(service, upstream, name, confirmDestructive=True)
        approval = place.rest("deleteTask", {"id": "500"})[1]["details"]["approvalId"]
        place.decide(approval)
        assert place.rest("deleteTask", {"id": "500"})[0] == 502
        assert place.rest("deleteTask", {"id": "500"})[0] == 409

    def test_a_flood_is_refused(self, one: Place) -> None:
        asked = [one.legacy("deleteTask", {"id": str(number)}) for number in range(22)]
        assert [status for status, _ in asked] == [409] * 22
        assert ["approvalId" in said["details"] for _, said in asked] == [True] * 20 + [False] * 2
        assert "Too many" in asked[-1][1]["message"]
        assert len(one.approvals(status="pending")) == 20
        # Another user of the server is not kept from asking.
        name, arguments = one.execute("deleteTask", {"id": "x"})
        stranger = {"x-alloy-user-token": token("somebody-else")}
        answer = one.rpc("tools/call", {"name": name, "arguments": arguments}, **stranger)
        assert "approvalId" in json.loads(answer["result"]["content"][0]["text"])["error"]["details"]

    def test_they_go_with_their_server(self, one: Place, service: Service) -> None:
        approval = one.legacy("deleteTask", {"id": "7"})[1]["details"]["approvalId"]
        one.owner.http.delete(one.path)
        assert one.decide(approval).status_code == 404
        with sqlite3.connect(service.data_dir / "toolgate.db", timeout=20) as database:
            found = database.execute("SELECT count(*) FROM approvals WHERE approval_id = ?", (approval,)).fetchone()
        assert found == (0,)


class TestWhoMay:
    def test_it_is_for_the_user_who_asked(self, one: Place) -> None:
        name, arguments = one.execute("deleteTask", {"id": "7"})
        params = {"name": name, "arguments": arguments}
        stranger = {"x-alloy-user-token": token(f"asker-{one.owner.user}")}

        def as_stranger() -> Any:
            return json.loads(one.rpc("tools/call", params, **stranger)["result"]["content"][0]["text"])

        approval = as_stranger()["error"]["details"]["approvalId"]
        seen = one.owner.http.get(f"{one.path}/approvals/{approval}").json()
        assert seen["userId"] == f"asker-{one.owner.user}"
        one.decide(approval)
        before = one.ran()
        assert one.rest("deleteTask", {"id": "7"})[1]["details"]["approvalId"] != approval
        assert one.ran() == before
        assert as_stranger()["status"] == "completed"
        assert one.ran() - before == 1

    def test_nobody_but_the_owner_decides(self, service: Service, one: Place) -> None:
        approval = one.legacy("deleteTask", {"id": "7"})[1]["details"]["approvalId"]
        path = f"{one.path}/approvals/{approval}"
        body = {"decision": "approve"}
        bare = one.server["accessUrl"].rsplit("/", 1)[1]
        use = service.run("keys", "create", "--user", one.owner.user, "--scope", "use").stdout.strip()
        callers: list[tuple[dict[str, str], int]] = [
            ({}, 401),
            ({"Authorization": f"Bearer {bare}"}, 401),
            ({"Authorization": f"Bearer {use}"}, 403),
            ({"Authorization": f"Bearer {service.key}"}, 404),
            ({"Authorization": f"Bearer {service.key}", "x-alloy-userid": "nobody-known"}, 403),
            ({"Authorization": f"Bearer {token('stranger')}"}, 404),
            ({"Authorization": f"Bearer {token('stranger')}", "x-alloy-userid": one.owner.user}, 403),
        ]
        for headers, expected in callers:
            answer = httpx.post(service.url + path, json=body, headers=headers, trust_env=False)
            assert answer.status_code == expected, headers
            assert httpx.get(service.url + path, headers=headers, trust_env=False).status_code in (expected, 404)
        assert one.approvals()[0]["status"] == "pending"
        owner = {"Authorization": f"Bearer {token(one.owner.user)}"}
        assert httpx.post(service.url + path, json=body, headers=owner, trust_env=False).status_code == 200
        assert one.approvals()[0]["decidedBy"] == one.owner.user

    def test_another_servers_approval_is_not_there(
        self, service: Service, upstream: Upstream, connector: str, one: Place
    ) -> None:
        approval = one.legacy("deleteTask", {"id": "7"})[1]["details"]["approvalId"]
        other = Place(service, upstream, connector)
        assert other.decide(approval).status_code == 404
        assert other.owner.http.get(f"{other.path}/approvals/{approval}").status_code == 404
        assert other.approvals() == []


@pytest.mark.parametrize(
    ("body", "field", "rule"),
    [
        ({}, "decision", "required"),
        ({"decision": "maybe"}, "decision", "enum"),
        ({"decision": True}, "decision", "type"),
        ({"decision": "approve", "for": "ever"}, "for", "additionalProperties"),
        ([], "body", "type"),
    ],
)
def test_bad_decisions(one: Place, body: Any, field: str, rule: str) -> None:
    approval = one.legacy("deleteTask", {"id": "7"})[1]["details"]["approvalId"]
    answer = one.owner.http.post(f"{one.path}/approvals/{approval}", json=body)
    assert refusal(answer) == (400, "INVALID_REQUEST", (field, rule))
    assert one.approvals()[0]["status"] == "pending"


@pytest.mark.parametrize("approval", ["0" * 24, "x", "%00", "a" * 1000, "%F0%9F%98%80"])
def test_approvals_that_are_not_there(one: Place, approval: str) -> None:
    for answer in (
        one.owner.http.get(f"{one.path}/approvals/{approval}"),
        one.owner.http.post(f"{one.path}/approvals/{approval}", json={"decision": "approve"}),
    ):
        assert refusal(answer)[:2] == (404, "NOT_FOUND")


@pytest.mark.parametrize(
    ("params", "field", "rule"),
    [({"status": "open"}, "status", "enum"), ({"limit": 0}, "limit", "minimum"), ({"state": "x"}, "state", "unknown")],
)
def test_bad_questions_for_the_list(one: Place, params: dict[str, Any], field: str, rule: str) -> None:
    answer = one.owner.http.get(f"{one.path}/approvals", params=params)
    assert refusal(answer) == (400, "INVALID_REQUEST", (field, rule))


def test_the_list_is_paged_the_newest_first(one: Place) -> None:
    ids = []
    for number in range(3):
        ids.append(one.legacy("deleteTask", {"id": str(number)})[1]["details"]["approvalId"])
        time.sleep(0.005)
    page = one.owner.http.get(f"{one.path}/approvals", params={"limit": 2}).json()
    assert [row["approvalId"] for row in page["approvals"]] == ids[:0:-1]
    assert (page["count"], page["hasMore"]) == (3, True)
    assert [row["approvalId"] for row in one.approvals(offset=2)] == ids[:1]
