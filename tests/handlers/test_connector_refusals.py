"""Documents that are wrong, huge or mean harm: refused in one sentence that names the place, or tamed."""

import contextlib
import json
import threading
import uuid
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any

import httpx
import pytest

from gateway.large_json import MOST_VALUES, is_dense, loads
from support.bad_documents import BAD, TAMED, document, operation
from support.raw import exchange
from support.service import API_KEY, Service, serving
from support.upstream import Upstream, running

JSON = {"Content-Type": "application/json"}
MEBIBYTE = 1024 * 1024
# What one action may take of an answer, however much of it the document describes.
MOST_SHOWN = 250_000


@pytest.fixture(scope="module")
def strict(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Service]:
    """A service that may not call private addresses, as in production."""
    with serving(tmp_path_factory.mktemp("strict"), TOOLGATE_EGRESS_ALLOW="") as running_service:
        yield running_service


def connector_id() -> str:
    return f"bad-{uuid.uuid4().hex[:8]}"


def text_of(given: Any) -> str:
    return given if isinstance(given, str) else json.dumps(given)


@pytest.mark.parametrize("name", BAD)
def test_refused_by_rest_with_its_place(strict: Service, name: str) -> None:
    bad, wanted, client = BAD[name], connector_id(), strict.client()
    answer = client.post("/connectors", json={"id": wanted, "document": text_of(bad.document)})
    assert answer.status_code == 400, answer.text[:300]
    error = answer.json()["error"]
    if len(bad.place) < 12:
        assert error["details"] == {"field": "document", "rule": bad.rule, "place": bad.place}
    assert error["details"]["place"].startswith(bad.place)
    assert error["details"]["rule"] == bad.rule
    assert error["message"].startswith(f"{bad.place}")
    assert len(error["message"]) < 1_500
    assert "\n" not in error["message"]
    assert client.get(f"/connectors/{wanted}").status_code == 404


@pytest.mark.parametrize(
    "name", ["10,000 levels", "a bomb of aliases", "100,000 paths", "a private address in an operation"]
)
def test_refused_by_the_command_line_with_its_place(strict: Service, tmp_path: Path, name: str) -> None:
    file = tmp_path / "document"
    file.write_text(text_of(BAD[name].document))
    done = strict.run("connectors", "add", str(file), "--id", connector_id(), check=False)
    assert (done.returncode, "Traceback" in done.stderr) == (1, False)
    assert done.stderr.strip().splitlines()[-1].startswith(f"Error: {BAD[name].place}: ")


def test_three_million_values(strict: Service, tmp_path: Path) -> None:
    text = '{"openapi": "3.0.3", "x": [' + "[]," * 3_000_000 + "[]]}"
    answer = strict.client().post("/connectors", content=f'{{"id": "x", "document": {text}}}', headers=JSON)
    assert (answer.status_code, answer.json()["error"]["details"]) == (400, {"field": "body", "rule": "maxItems"})
    file = tmp_path / "document"
    file.write_text(text)
    done = strict.run("connectors", "add", str(file), "--id", "x", check=False)
    assert done.stderr.strip().endswith("Error: #: the document has over 2,000,000 values.")


@pytest.mark.parametrize("name", TAMED)
def test_tamed(strict: Service, name: str) -> None:
    wanted, client = connector_id(), strict.client()
    made = client.post("/connectors", json={"id": wanted, "document": TAMED[name]})
    assert made.status_code == 201, made.text[:300]
    assert len(made.content) < MOST_SHOWN
    actions = client.get(f"/connectors/{wanted}/actions")
    assert len(actions.content) < MOST_SHOWN
    for action in actions.json()["actions"]:
        described = client.get(f"/connectors/{wanted}/actions/{action['id']}")
        assert described.status_code == 200, described.text[:300]
        assert len(described.content) < MOST_SHOWN
    assert client.delete(f"/connectors/{wanted}").status_code == 200


@pytest.mark.parametrize("encoding", ["utf-16", "latin-1"])
def test_what_is_not_utf_8(strict: Service, tmp_path: Path, encoding: str) -> None:
    file = tmp_path / "document"
    file.write_bytes(json.dumps(operation(summary="Größe"), ensure_ascii=False).encode(encoding))
    done = strict.run("connectors", "add", str(file), "--id", connector_id(), check=False)
    assert done.stderr.strip().endswith("Error: #: the document is not valid UTF-8.")


def peak_mib(service: Service) -> float:
    lines = Path(f"/proc/{service.process.pid}/status").read_text().splitlines()
    return next(int(line.split()[1]) / 1024 for line in lines if line.startswith("VmHWM:"))


def test_200_mb_are_refused_before_they_are_held(tmp_path: Path) -> None:
    with serving(tmp_path / "service") as service, streaming(200) as url:
        client = service.client()
        assert client.get("/connectors").status_code == 200
        before = peak_mib(service)
        head = (
            f"POST /connectors HTTP/1.1\r\nHost: 127.0.0.1\r\nAuthorization: Bearer {API_KEY}\r\n"
            "Content-Type: application/json\r\n"
        )
        declared = exchange(service, f"{head}Content-Length: {200 * MEBIBYTE}\r\n\r\n".encode())
        assert (declared.status, declared.json()["error"]["message"]) == (413, "body must not be larger than 40 MB")
        chunk = b"100000\r\n" + b" " * MEBIBYTE + b"\r\n"
        chunked = exchange(service, f"{head}Transfer-Encoding: chunked\r\n\r\n".encode() + chunk * 60, timeout=30)
        assert chunked.status == 413
        fetched = client.post("/connectors", json={"id": "large", "url": url})
        assert (fetched.status_code, fetched.json()["error"]["details"]["field"]) == (400, "url")
        file = tmp_path / "document.json"
        with file.open("wb") as sparse:
            sparse.truncate(200 * MEBIBYTE)
        done = service.run("connectors", "add", str(file), "--id", "large", check=False)
        assert done.stderr.strip().endswith("document.json is larger than 32 MB.")
        assert peak_mib(service) - before < 150


@contextlib.contextmanager
def streaming(mebibytes: int) -> Iterator[str]:
    """The address of a document of so many MiB."""

    class Handler(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            self.send_response(200)
            self.end_headers()
            # Whoever asked may hang up.
            with contextlib.suppress(OSError):
                for _ in range(mebibytes):
                    self.wfile.write(b" " * MEBIBYTE)

        def log_message(self, *_: Any) -> None:
            pass

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    threading.Thread(target=server.serve_forever, daemon=True).start()
    try:
        yield f"http://127.0.0.1:{server.server_port}/openapi.json"
    finally:
        server.shutdown()
        server.server_close()


def large(mebibytes: int, title: str = "Large") -> dict[str, Any]:
    paths = {
        f"/a{number}": {"get": {"operationId": f"o{number}", "responses": {}, "description": "d" * 10_000}}
        for number in range(mebibytes * 100)
    }
    return document(info={"title": title, "version": "1"}, paths=paths)


def test_others_are_answered_while_a_large_document_is_read(service: Service) -> None:
    wanted, client = connector_id(), service.client()
    answers: list[httpx.Response] = []
    file = {"id": wanted, "document": json.dumps(large(12), indent=1)}
    registering = threading.Thread(
        target=lambda: answers.append(service.client().post("/connectors", json=file, timeout=60))
    )
    registering.start()
    others = 0
    while registering.is_alive():
        assert client.get("/connectors/slack").status_code == 200
        others += 1
    assert answers[0].status_code == 201
    assert others > 5
    assert client.delete(f"/connectors/{wanted}").status_code == 200


def test_large_bodies_are_for_those_who_may_add_connectors(service: Service) -> None:
    body = json.dumps({"id": connector_id(), "document": large(12)}).encode()
    key = json.loads(service.run("keys", "create", "--scope", "use", "--json").stdout)["key"]
    refused = exchange(
        service,
        b"POST /connectors HTTP/1.1\r\nHost: 127.0.0.1\r\nContent-Type: application/json\r\n"
        + f"Authorization: Bearer {key}\r\nContent-Length: {len(body)}\r\n\r\n".encode(),
    )
    assert (refused.status, refused.json()["error"]["message"]) == (413, "body must not be larger than 10 MB")
    elsewhere = exchange(
        service,
        b"POST /api/servers HTTP/1.1\r\nHost: 127.0.0.1\r\nContent-Type: application/json\r\n"
        + f"Authorization: Bearer {API_KEY}\r\nContent-Length: {len(body)}\r\n\r\n".encode(),
    )
    assert elsewhere.status == 413
    taken = service.client().post("/connectors", content=body, headers=JSON)
    assert (taken.status_code, taken.json()["actions"]) == (201, 1_200)


@pytest.fixture(scope="module")
def upstream() -> Iterator[Upstream]:
    with running() as started:
        yield started


def test_a_failed_update_leaves_the_old_connector_working(service: Service, upstream: Upstream, tmp_path: Path) -> None:
    wanted, client = connector_id(), service.client()
    assert client.post("/connectors", json={"id": wanted, "document": upstream.document()}).status_code == 201
    given = {"userId": "me", "authenticationType": "bearer", "data": {"token": "a-token"}}
    credential = client.post(f"/connectors/{wanted}/credentials", json=given).json()["credentialId"]

    def works() -> None:
        called = client.post(f"/connectors/{wanted}/actions/listTasks/execute", json={"credentialId": credential})
        assert called.status_code == 200, called.text

    works()
    for name in ("200 levels", "a bomb of aliases", "paths that are each other", "infinity", "100,000 parameters"):
        bad = text_of(BAD[name].document)
        assert client.put(f"/connectors/{wanted}", json={"document": bad}).status_code == 400
        works()
    file = tmp_path / "document"
    file.write_text(text_of(BAD["a bomb of aliases"].document))
    assert service.run("connectors", "add", str(file), "--id", wanted, check=False).returncode == 1
    works()


def test_a_connector_that_is_removed_and_added_elsewhere_is_the_new_one(service: Service, tmp_path: Path) -> None:
    wanted, client = connector_id(), service.client()
    file = tmp_path / "document.json"
    file.write_text(json.dumps(document()))
    service.run("connectors", "add", str(file), "--id", wanted)
    assert client.get(f"/connectors/{wanted}").json()["name"] == "Odd"
    service.run("connectors", "remove", wanted)
    file.write_text(json.dumps(document(info={"title": "Another", "version": "1"})))
    service.run("connectors", "add", str(file), "--id", wanted)
    assert client.get(f"/connectors/{wanted}").json()["name"] == "Another"


def test_values_are_counted_before_they_are_made() -> None:
    assert is_dense(b"[" + b"[]," * MOST_VALUES)
    assert not is_dense(b"[" + b"[]," * 10)
    assert not is_dense(b'"' + b"a" * 3 * MOST_VALUES + b'"')
    text = json.dumps({"a": [{"b": number} for number in range(200_000)]}).encode()
    assert loads(text) == json.loads(text)
