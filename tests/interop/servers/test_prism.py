"""Prism, which mocks a platform from its document and says of each request whether it keeps to that document."""

import json
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest

from support.documents import real_document
from support.service import Service

from . import driving, peers

NAMES = [
    "notion.json",
    "hubspot_crm_contacts.json",
    "google_calendar.json",
    "adyen_checkout.json",
    "asana.yaml",
    "plaid.yaml",
    "prefect_openapi.json",
    "jupyter.yaml",
    "slack.json",
]


@pytest.fixture(scope="module")
def gate(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Service]:
    with driving.toolgate(tmp_path_factory.mktemp("gate")) as service:
        yield service


@contextmanager
def mocking(document: Path, folder: Path) -> Iterator[str]:
    port = peers.free_port()
    command = [*peers.node("prism"), "mock", "--errors", "-p", str(port), str(document)]
    with peers.running(command, "/", folder / "log", port) as url:
        yield url


@pytest.mark.parametrize("name", NAMES)
async def test_every_sample_is_a_request_that_the_document_allows(gate: Service, name: str, tmp_path: Path) -> None:
    text = real_document(name).decode()
    document = tmp_path / name
    document.write_text(text)
    connector_id = f"mock-{document.stem}"
    with mocking(document, tmp_path) as url:
        driving.register(gate, connector_id, document=text, baseUrl=url)
        _authenticate(gate, connector_id)
        async with driving.client(driving.server(gate, connector_id, connector_id)) as session:
            wrong = await _refused(session, connector_id)
    assert not wrong, json.dumps(wrong, indent=1)[:6000]


def _authenticate(gate: Service, connector_id: str) -> None:
    """A credential of the first kind that the document asks for, if it asks for any."""
    asked = gate.client().get(f"/connectors/{connector_id}/credentials/metadata").json()["metadata"]
    if asked:
        body = {**asked[0]["sampleInput"], "userId": "me"}
        gate.client().post(f"/connectors/{connector_id}/credentials", json=body).raise_for_status()


async def _refused(session: Any, connector_id: str) -> dict[str, Any]:
    """Action -> what was wrong with its sample, in our words or in Prism's."""
    wrong: dict[str, Any] = {}
    for action_id in (await driving.actions(session, connector_id)).values():
        details = await driving.tool(session, "get_action_details_alloy", connectorId=connector_id, actionId=action_id)
        result = await session.call_tool(
            "execute_action_alloy",
            {"connectorId": connector_id, "actionId": action_id, "parameters": details["action"].get("sample", {})},
        )
        if not result.is_error:
            continue
        error = json.loads(result.content[0].text)["error"]
        if error["code"] != "UPSTREAM_ERROR" or _against_the_request(error["details"].get("body")):
            wrong[action_id] = {"sample": details["action"].get("sample"), "error": error}
            print(action_id, json.dumps(wrong[action_id])[:600])
    return wrong


def _against_the_request(body: Any) -> bool:
    """Whether Prism complains of what was sent; its own made-up answers may break a document too."""
    if not isinstance(body, dict) or "stoplight" not in str(body.get("type")):
        return False
    if str(body["type"]).endswith("#VIOLATIONS"):
        return any(entry["location"][0] == "request" for entry in body["validation"])
    # What it cannot make up itself is a 5xx.
    return int(body["status"]) < 500
