"""The same requests as swagger-client, for every operation at hand; differences are listed with their reasons.

swagger-client is written by others, for Swagger UI, and reads documents by itself: what both make of an operation is
most likely what it means. It runs in Node, from the lock file beside this, and is part of nothing that is shipped.
"""

import base64
import re
from collections.abc import Callable
from copy import deepcopy
from pathlib import Path
from typing import Any
from urllib.parse import quote

import pytest
import yaml
from oracle import Case, asked, cases, ours, theirs

from gateway.catalog.documents.reading import parse
from support.documents import FOLDER, VARIABLE

HERE = Path(__file__).parent
OWN = sorted(HERE.glob("documents/*.yaml"))
# Name, operations. What is not there is skipped by name.
REAL = {
    "adyen_checkout.json": 28,
    "asana.yaml": 247,
    "google_calendar.json": 37,
    "hubspot_crm_contacts.json": 13,
    "jupyter.yaml": 32,
    "notion.json": 24,
    "plaid.yaml": 329,
    "prefect_openapi.json": 187,
    "slack.json": 174,
}
LISTED: dict[str, Any] = yaml.safe_load((HERE / "deviations.yaml").read_text())
Request = dict[str, Any]


def _order(request: Request) -> None:
    base, _, query = request["url"].partition("?")
    if query:
        request["url"] = f"{base}?{'&'.join(sorted(query.split('&')))}"
    if _is_form(request):
        request["body"]["text"] = "&".join(sorted(request["body"]["text"].split("&")))


def _encoding(request: Request) -> None:
    request["url"] = _reserved(request["url"])
    if _is_form(request):
        request["body"]["text"] = _reserved(request["body"]["text"])


def _reserved(text: str) -> str:
    return re.sub(r"[!'()*|[\]]", lambda match: quote(match[0], safe=""), text)


def _space(request: Request) -> None:
    if _is_form(request):
        request["body"]["text"] = request["body"]["text"].replace("+", "%20")


def _comma(request: Request) -> None:
    if _is_form(request):
        request["body"]["text"] = request["body"]["text"].replace(",", "%2C")


def _is_form(request: Request) -> bool:
    return request["headers"].get("content-type") == "application/x-www-form-urlencoded" and "body" in request


def _boundary(request: Request) -> None:
    content_type = request["headers"].get("content-type", "")
    if content_type.startswith("multipart/form-data"):
        request["headers"]["content-type"] = "multipart/form-data"


def _json_part(request: Request) -> None:
    for part in request.get("body", {}).get("parts", ()):
        if part.get("contentType") == "application/json" and part["filename"] == "blob":
            part["text"], part["type"] = base64.b64decode(part["base64"]).decode(), "application/json"
            for name in ("base64", "filename", "contentType"):
                del part[name]


SPELLING: dict[str, Callable[[Request], None]] = {
    "order": _order,
    "encoding": _encoding,
    "space": _space,
    "comma": _comma,
    "boundary": _boundary,
    "jsonPart": _json_part,
}


def differences(case: Case, ours_made: Request, answer: dict[str, Any], used: set[str]) -> list[str]:
    """What is not the same and not listed, in words; the names of the deviations that were needed go to `used`."""
    if "error" in answer:
        return [f"{case.name}: swagger-client says: {answer['error']}"]
    mine, other = ours_made, theirs(answer)
    name = case.name.rsplit(" ", 1)[0]
    if mine == other:
        return []
    listed = LISTED["operations"].get(name)
    # Written out for one set of values, which stands for the others.
    if listed is not None and (case.seed or _as_listed(listed, mine)):
        used.add(name)
        return []
    mine = deepcopy(mine)
    for spelling, same in SPELLING.items():
        before = deepcopy((mine, other))
        same(mine)
        same(other)
        if before != (mine, other):
            used.add(spelling)
    return [f"{case.name}: {part}: {mine.get(part)!r}, not {other.get(part)!r}" for part in {**mine, **other}
            if mine.get(part) != other.get(part)]  # fmt: skip


def _as_listed(listed: dict[str, Any], mine: Request) -> bool:
    return all(
        (mine["body"].get("text") if part == "body" else mine[part]) == said
        for part, said in listed.items()
        if part != "reason"
    )


@pytest.fixture(scope="module")
def used() -> set[str]:
    return set()


def compared(documents: dict[str, Any], used: set[str]) -> tuple[list[Case], list[str]]:
    found = [case for name, document in documents.items() for case in cases(name, document)]
    answers = asked(found, documents, LISTED["withheld"])
    return found, [
        said
        for case, answer in zip(found, answers, strict=True)
        for said in differences(case, ours(case.request), answer, used)
    ]


def test_own_documents(used: set[str]) -> None:
    documents = {path.name: parse(path.read_bytes()) for path in OWN}
    found, different = compared(documents, used)
    assert not different, "\n".join(different)
    operations = {(case.document, case.action.action_id) for case in found}
    assert len(operations) == sum(_count(document) for document in documents.values())
    # A reason that explains nothing any more is taken off the list.
    assert used == {
        *LISTED["spelling"],
        *(name for name in LISTED["operations"] if name.partition(" ")[0] in documents),
    }


def test_real_documents(used: set[str]) -> None:
    documents = {name: parse((FOLDER / name).read_bytes()) for name in REAL if (FOLDER / name).is_file()}
    missing = ", ".join(name for name in REAL if name not in documents)
    if not documents:
        pytest.skip(f"{missing} are neither in {VARIABLE} nor beside the repository (../shared/data/openapi)")
    found, different = compared(documents, used)
    assert not different, "\n".join(different[:50])
    for name in documents:
        operations = {case.action.action_id for case in found if case.document == name}
        # Some patterns are met by no value that is made up.
        assert len(operations) >= REAL[name] - 2, name
    if missing:
        pytest.skip(f"all but {missing}: neither in {VARIABLE} nor beside the repository (../shared/data/openapi)")


def _count(document: dict[str, Any]) -> int:
    methods = {"get", "put", "post", "delete", "options", "head", "patch", "trace", "query"}
    items = document["paths"].values()
    return sum(len(methods & item.keys()) + len(item.get("additionalOperations", {})) for item in items)
