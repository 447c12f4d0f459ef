"""A crash between an approval and the answer of its call: it is spent, and the call is never made twice by it."""

import threading
from pathlib import Path

import httpx

from support import upstream as platforms
from support.destroying import Place, document
from support.service import serving


def test_a_crash_leaves_it_spent(tmp_path: Path) -> None:
    with platforms.running() as upstream:
        described = document(upstream)
        described["paths"]["/slow"] = {
            "post": {
                "operationId": "purgeSlowly",
                "x-destructive": True,
                "responses": {"200": {"description": "ok"}},
            }
        }
        with serving(tmp_path) as first:
            added = first.client().post("/connectors", json={"id": "tasks", "document": described})
            assert added.status_code == 201, added.text
            place = Place(first, upstream, "tasks", confirmDestructive=True)
            approval = place.rest("purgeSlowly")[1]["details"]["approvalId"]
            assert place.decide(approval).status_code == 200
            ended: list[type[Exception]] = []

            def call() -> None:
                try:
                    place.rest("purgeSlowly")
                except httpx.HTTPError as error:
                    ended.append(type(error))

            caller = threading.Thread(target=call)
            caller.start()
            while not upstream.received:
                assert caller.is_alive()
                caller.join(0.01)
            first.process.kill()
            caller.join()
            assert ended, "the call was answered before the crash"
        with serving(tmp_path) as second:
            client = second.client(x_alloy_userid=place.owner.user)
            row = client.get(f"{place.path}/approvals/{approval}").json()
            assert row["status"] == "used"
            name, arguments = place.execute("purgeSlowly")
            again = client.post(f"{place.path}/tools/{name}", json={"arguments": arguments})
            assert again.status_code == 409
            assert again.json()["error"]["details"]["approvalId"] != approval
            assert len(upstream.received) == 1
