"""The document that the running service serves, against the one that is committed: a change is a diff to accept."""

import difflib
import json
from pathlib import Path

from gateway.regenerate.plan import GOLDEN, PLACEHOLDER
from support.service import Service

ROOT = Path(__file__).parents[2]
HOW_TO_ACCEPT = (
    f"The served contract is not the one in {GOLDEN}. If the change is meant, run `toolgate regenerate` (or `tox -e "
    "regenerate`), look at the diff of that file as a caller of the API would, and commit it:\n"
)


def test_the_served_document_is_the_golden_one(service: Service) -> None:
    served = service.client(Authorization="").get("/openapi.json").json()
    assert served.pop("servers") == [{"url": service.url, "description": "This service"}]
    golden = json.loads((ROOT / GOLDEN).read_text())
    assert golden.pop("servers") == [{"url": PLACEHOLDER, "description": "This service"}]
    lines = [json.dumps(document, indent=2, sort_keys=True).splitlines() for document in (golden, served)]
    assert served == golden, HOW_TO_ACCEPT + "\n".join(difflib.unified_diff(*lines, "golden", "served", lineterm=""))
