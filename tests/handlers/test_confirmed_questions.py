"""A destructive action whose platform asks something itself: both questions are asked, and no answer counts twice."""

import uuid
from collections.abc import Iterator
from typing import Any

import pytest

from support.destroying import FORMS, QUESTION, Place
from support.mcp_platform import McpPlatform, speaking
from support.service import Service

YES = {"action": "accept", "content": {"confirm": True}}
REASON = {
    "method": "elicitation/create",
    "params": {
        "message": "Why?",
        "requestedSchema": {"type": "object", "properties": {"reason": {"type": "string"}}},
    },
}
ANSWER = {"action": "accept", "content": {"reason": "old"}}


def eraser(body: dict[str, Any]) -> Any:
    """Asks for a reason first."""
    said = body["_meta"].get("inputResponses", {})
    assert QUESTION not in said
    if "why" not in said or "requestState" not in body["_meta"]:
        return {"resultType": "input_required", "inputRequests": {"why": REASON}, "requestState": "asked"}
    return {"content": [{"type": "text", "text": f"erased: {said['why']['content']['reason']}"}]}


@pytest.fixture(scope="module")
def platform() -> Iterator[McpPlatform]:
    with speaking(eraser=eraser, published=eraser) as started:
        yield started


@pytest.fixture
def place(service: Service, platform: McpPlatform) -> Iterator[Place]:
    name = f"eraser-{uuid.uuid4().hex[:8]}"
    document = platform.document(
        prompts=[{"name": "erase", "action": "published"}],
        resources=[{"uri": "erase://all", "name": "all", "action": "published"}],
    )
    for path in ("/eraser", "/published"):
        document["paths"][path]["post"]["x-destructive"] = True
    added = service.client().post("/connectors", json={"id": name, "document": document})
    assert added.status_code == 201, added.text
    yield Place(service, platform, name, mode="direct", confirmDestructive=True)  # type: ignore[arg-type]  # has `received`
    service.client().delete(f"/connectors/{name}")


def call(place: Place, **more: Any) -> dict[str, Any]:
    answer = place.rpc("tools/call", {"name": "eraser", "arguments": {}, **more}, capabilities=FORMS)
    assert "result" in answer, answer
    result: dict[str, Any] = answer["result"]
    return result


def test_ours_first_then_the_platforms(place: Place) -> None:
    before = place.ran()
    ours = call(place)
    assert (set(ours["inputRequests"]), place.ran() - before) == ({QUESTION}, 0)
    confirmed = {"inputResponses": {QUESTION: YES}, "requestState": ours["requestState"]}
    theirs = call(place, **confirmed)
    assert (theirs["inputRequests"], place.ran() - before) == ({"why": REASON}, 1)
    answered = {"inputResponses": {"why": ANSWER}, "requestState": theirs["requestState"]}
    done = call(place, **answered)
    assert (done["content"], place.ran() - before) == ([{"type": "text", "text": "erased: old"}], 2)
    # Neither answer is good for another run.
    for again in (confirmed, answered):
        assert call(place, **again)["isError"]
    assert place.ran() - before == 2


def test_the_platforms_question_does_not_open_a_call_that_nobody_confirmed(place: Place) -> None:
    before = place.ran()
    asked = call(place, inputResponses={"why": ANSWER, QUESTION: YES})
    assert set(asked["inputRequests"]) == {QUESTION}
    again = call(place, inputResponses={"why": ANSWER}, requestState=asked["requestState"])
    assert set(again["inputRequests"]) == {QUESTION}
    assert place.ran() == before


def test_after_the_owners_approval_the_platform_may_ask_whom_it_can(place: Place) -> None:
    status, said = place.rest("eraser")
    assert status == 409
    place.decide(said["details"]["approvalId"])
    status, said = place.rest("eraser")
    assert (status, "approvalId" in said["details"]) == (409, False)
    assert "ask" in said["message"]


@pytest.mark.parametrize(
    ("method", "params"), [("resources/read", {"uri": "erase://all"}), ("prompts/get", {"name": "erase"})]
)
def test_prompts_and_resources_want_a_yes_too(place: Place, method: str, params: dict[str, Any]) -> None:
    before = place.ran()
    asked = place.rpc(method, params, capabilities=FORMS)["result"]
    assert set(asked["inputRequests"]) == {QUESTION}
    unable = place.rpc(method, params)["error"]
    assert unable["data"]["code"] == "CONFLICT"
    assert unable["data"]["approvalId"]
    assert place.ran() == before
