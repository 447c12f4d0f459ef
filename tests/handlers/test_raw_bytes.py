"""What no HTTP library would send: each answer is a documented status with the documented body, and nothing breaks."""

import uuid
from collections.abc import Iterator

import pytest

from support.raw import exchange, request
from support.service import Service

C = b"/api/servers"


@pytest.fixture(scope="module")
def server_path(service: Service) -> Iterator[bytes]:
    client = service.client()
    made = client.post("/api/servers", json={"name": f"raw {uuid.uuid4().hex}"})
    assert made.status_code == 201
    yield f"/api/servers/{made.json()['serverId']}".encode()
    client.delete(f"/api/servers/{made.json()['serverId']}")


BODIES = {
    "malformed JSON": (b'{"name":', 400),
    "invalid UTF-8": (b'{"name":"\xff\xfe"}', 400),
    "UTF-8 with a byte order mark": (b'\xef\xbb\xbf{"description":"x"}', 400),
    "NaN": (b'{"description":NaN}', 400),
    "NaN as the whole body": (b"NaN", 400),
    "null": (b"null", 400),
    "an array": (b"[]", 400),
    "nothing": (b"", 400),
    "NUL in a name": (b'{"name":"a\\u0000b"}', 400),
    "NUL in a description": (b'{"description":"a\\u0000b"}', 400),
    "a lone surrogate": (b'{"description":"\\ud800"}', 400),
    "100,000 brackets": (b"[" * 100_000 + b"]" * 100_000, 400),
    "5,000 nested objects": (b'{"a":' * 5000 + b"1" + b"}" * 5000, 400),
    "900 nested objects": (b'{"restrictions":' + b'{"a":' * 900 + b"1" + b"}" * 900 + b"}", 400),
    "a 5,000-digit integer": (b'{"name":' + b"9" * 5000 + b"}", 400),
    "a number beyond double": (b'{"name":1e400}', 400),
    "a misspelt field": (b'{"restriction":{}}', 400),
    "a misspelt section": (b'{"restrictions":{"connector":{}}}', 400),
    "a misspelt list": (b'{"restrictions":{"connectors":{"allowedId":["slack"]}}}', 400),
    "an unknown mode": (b'{"restrictions":{"connectors":{"mode":"Allowlist"}}}', 400),
    "an empty name": (b'{"name":""}', 400),
    "a blank name": (b'{"name":" "}', 400),
    "a name of 101 characters": (b'{"name":"' + b"a" * 101 + b'"}', 400),
    "a name with @": (b'{"name":"server@123"}', 400),
    "a name with a trailing hyphen": (b'{"name":"my-server-"}', 400),
    "a name with a line break": (b'{"name":"a\\n"}', 400),
    "11 MB": (b'{"description":"' + b"x" * 11_000_000 + b'"}', 413),
    "3 MB": (b'{"description":"' + b"x" * 3_000_000 + b'"}', 200),
    "a plain change": (b'{"description":"x"}', 200),
}


@pytest.mark.parametrize("name", BODIES)
def test_bodies(service: Service, server_path: bytes, name: str) -> None:
    body, status = BODIES[name]
    answer = request(service, b"PUT", server_path, body)
    assert answer.status == status, answer.body[:300]
    if status != 200:
        assert answer.code == {400: "INVALID_REQUEST", 413: "PAYLOAD_TOO_LARGE"}[status]
        error = answer.json()["error"]
        assert error["details"]["field"]
        assert error["details"]["rule"]


CONTENT_TYPES = {
    b"text/plain": 415,
    b"application/merge-patch+json": 415,
    b"\xff\xfe;;;=": 415,
    b"application/json; charset=utf-16": 415,
    b"application/json; charset=foo": 415,
    b"application/json; charset=utf-8": 200,
    b"Application/JSON": 200,
}


@pytest.mark.parametrize("content_type", CONTENT_TYPES)
def test_content_types(service: Service, server_path: bytes, content_type: bytes) -> None:
    answer = request(service, b"PUT", server_path, b'{"description":"x"}', content_type=content_type)
    assert answer.status == CONTENT_TYPES[content_type]


def test_no_content_type(service: Service, server_path: bytes) -> None:
    assert request(service, b"PUT", server_path, b'{"description":"x"}', content_type=None).status == 415


def test_chunked_body(service: Service, server_path: bytes) -> None:
    """Stock Connexion refuses these (#2020)."""
    body = b'13\r\n{"description":"x"}\r\n0\r\n\r\n'
    assert request(service, b"PUT", server_path, body, (b"transfer-encoding: chunked",)).status == 200


def test_chunked_body_without_end_is_cut_off(service: Service, server_path: bytes) -> None:
    piece = b"100000\r\n" + b"x" * 0x100000 + b"\r\n"
    answer = request(service, b"PUT", server_path, piece * 12, (b"transfer-encoding: chunked",))
    assert answer.status == 413


QUERIES = {
    b"zz=1": 400,
    b"limit=abc": 400,
    b"limit=1.0": 400,
    b"limit=+5": 400,
    b"limit=%205": 400,
    b"limit=1_0": 400,
    b"limit=%D9%A5": 400,  # an Arabic-Indic 5
    b"limit=": 400,
    b"limit=null": 400,
    b"limit=0": 400,
    b"limit=1001": 400,
    b"limit=5&limit=6": 400,
    b"offset=1" + b"0" * 30: 400,
    b"limit=" + b"9" * 5000: 400,
    b"limit=%ff": 400,
    b"limit=5": 200,
}


@pytest.mark.parametrize("query", QUERIES, ids=lambda query: query[:20].decode())
def test_queries(service: Service, query: bytes) -> None:
    answer = request(service, b"GET", C + b"?" + query)
    assert answer.status == QUERIES[query]
    if answer.status == 400:
        assert answer.code == "INVALID_REQUEST"


PATHS = {
    b"/a%00b": 404,
    b"/a%2Fb": 404,
    b"/%ff": 404,
    b"/%2e%2e": 404,
    b"/" + b"a" * 3000: 404,
    b"/nobody-a1b2c3d4": 404,
    b"/nobody-a1b2c3d4%0A": 404,
    b"/": 404,
}


@pytest.mark.parametrize("path", PATHS, ids=lambda path: path[:20].decode())
def test_paths(service: Service, path: bytes) -> None:
    answer = request(service, b"GET", C + path)
    assert answer.status == PATHS[path]
    assert answer.code == "NOT_FOUND"


def test_unknown_paths_need_no_key(service: Service) -> None:
    assert request(service, b"GET", b"/nope", auth=None).status == 404
    assert request(service, b"GET", b"//api/servers").status == 404


def test_trailing_slash_is_another_path(service: Service, server_path: bytes) -> None:
    assert request(service, b"GET", server_path + b"/").status == 404


@pytest.mark.parametrize("method", [b"PATCH", b"TRACE", b"HEAD", b"OPTIONS", b"POST"])
def test_methods_that_a_path_has_not(service: Service, server_path: bytes, method: bytes) -> None:
    answer = request(service, method, server_path, auth=None)
    assert answer.status == 405
    assert answer.headers["allow"] == "DELETE, GET, PUT"


def test_get_of_an_mcp_endpoint(service: Service) -> None:
    answer = request(service, b"GET", b"/mcp/any/token", auth=None)
    assert (answer.status, answer.headers["allow"]) == (405, "POST")


AUTHORIZATIONS = {
    "missing": None,
    "blank": b" ",
    "a bare scheme": b"Bearer",
    "another scheme": b"Basic YTpi",
    "bytes": b"Bearer \xff\xfe.a.b",
    "no JWT": b"Bearer x.y.z",
    "a wrong key": b"Bearer wrong-key-0123456789",
    "a short key": b"Bearer x",
    "a long key": b"Bearer " + b"k" * 5000,
}


@pytest.mark.parametrize("name", AUTHORIZATIONS)
def test_authorization(service: Service, name: str) -> None:
    answer = request(service, b"GET", C, auth=AUTHORIZATIONS[name])
    assert (answer.status, answer.code) == (401, "UNAUTHORIZED")
    assert answer.headers["www-authenticate"].startswith("Bearer ")


def test_authentication_comes_before_the_body(service: Service, server_path: bytes) -> None:
    assert request(service, b"PUT", server_path, b"{", auth=None).status == 401
    assert request(service, b"PUT", server_path, b"x", auth=None, content_type=b"text/plain").status == 401


def test_a_repeated_identity_is_refused(service: Service) -> None:
    other = b"authorization: Bearer another-key-0123456789"
    assert request(service, b"GET", C, headers=(other,)).status == 401


@pytest.mark.parametrize(
    ("host", "status"),
    [(b"evil.example.com", 403), (b"localhost", 200), (b"[::1]:80", 200), (b"a b", 403), (b"x", 200), (None, 403)],
)
def test_hosts(service: Service, host: bytes | None, status: int) -> None:
    answer = request(service, b"GET", C, host=host)
    assert answer.status == status
    if status == 403:
        assert answer.code == "FORBIDDEN"


@pytest.mark.parametrize(
    ("origin", "status"),
    [(b"http://evil.example.com", 403), (b"null", 403), (b"http://[", 403), (b"http://localhost:6274", 200)],
)
def test_origins(service: Service, origin: bytes, status: int) -> None:
    assert request(service, b"GET", C, headers=(b"origin: " + origin,)).status == status


NO_HTTP = {
    "garbage": b"\x00\x01\x02\r\n\r\n",
    "an unknown method": b"FOO /api/servers HTTP/1.1\r\nhost: x\r\n\r\n",
    "a target that is not ASCII": b"GET /\xc3\xa9 HTTP/1.1\r\nhost: x\r\n\r\n",
    "headers without end": b"GET / HTTP/1.1\r\nhost: x\r\n" + b"a: " + b"b" * 70_000 + b"\r\n\r\n",
    "300 headers": b"GET / HTTP/1.1\r\nhost: x\r\n" + b"a: b\r\n" * 300 + b"\r\n",
    "two lengths": b"POST / HTTP/1.1\r\nhost: x\r\ncontent-length: 1\r\ncontent-length: 2\r\n\r\nab",
}


@pytest.mark.parametrize("name", NO_HTTP)
def test_what_is_no_http(service: Service, name: str) -> None:
    answer = exchange(service, NO_HTTP[name])
    assert (answer.status, answer.code) == (400, "INVALID_REQUEST")


def test_the_service_still_stands(service: Service) -> None:
    assert service.process.poll() is None
    assert "Traceback" not in service.log()
    assert "INTERNAL_ERROR" not in service.log()
