"""ETag, If-Match and If-None-Match over real HTTP: of two writers, one learns of the other."""

import re
import time
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import httpx
import pytest

from gateway.versions import named, tag
from support.owners import Owner, path, ping, refusal
from support.raw import request
from support.service import Service, serving

FAILED = (412, "PRECONDITION_FAILED", ("If-Match", "match"))
MALFORMED = (400, "INVALID_REQUEST", ("If-Match", "pattern"))


@pytest.fixture(scope="module")
def owner(service: Service) -> Owner:
    return Owner(service)


@pytest.fixture
def made(owner: Owner) -> httpx.Response:
    return owner.created(f"server {time.monotonic_ns()}")


def test_every_change_makes_another_etag(owner: Owner, made: httpx.Response) -> None:
    server = made.json()
    seen = [made.headers["etag"]]
    assert re.fullmatch(r'"[0-9a-f]{16}-1"', seen[0])
    for method, rest, body in (
        ("PUT", (), {"description": "x"}),
        ("POST", ("token",), None),
        ("POST", ("pause",), None),
        ("POST", ("resume",), None),
    ):
        answer = owner.http.request(method, path(server, *rest), json=body)
        assert answer.status_code == 200
        seen.append(answer.headers["etag"])
        assert owner.http.get(path(server)).headers["etag"] == seen[-1]
    assert len(set(seen)) == len(seen)
    assert owner.created(f"another {time.monotonic_ns()}").headers["etag"] != seen[0]


def writes(owner: Owner, server: dict[str, Any], if_match: str) -> list[httpx.Response]:
    """The three operations that take the header; the one that ends it all is the last."""
    headers = {"If-Match": if_match}
    return [
        owner.http.put(path(server), json={"description": "changed"}, headers=headers),
        owner.http.post(path(server, "token"), headers=headers),
        owner.http.delete(path(server), headers=headers),
    ]


def test_another_state_is_412_and_changes_nothing(owner: Owner, made: httpx.Response) -> None:
    server, old = made.json(), made.headers["etag"]
    mark = old.strip('"').rpartition("-")[0]
    before = owner.http.put(path(server), json={"description": "before"})
    other = owner.created(f"other {time.monotonic_ns()}").headers["etag"]
    present = before.headers["etag"]
    for if_match in (
        old,
        f"W/{present}",
        other,
        '"x"',
        '""',
        f'"{mark}-999"',
        f'"{mark}-02"',
        f'"{mark}-9999999999999"',
    ):
        for answer in writes(owner, server, if_match):
            assert refusal(answer) == FAILED, if_match
    assert owner.http.get(path(server)).json() == before.json()
    assert ping(server).status_code == 200


@pytest.mark.parametrize("form", ["{0}", "*", '"x", {0}', '{0},"y"', ', "a,b" ,, W/"z", {0} ,', '"\xe9", {0}'])
def test_the_present_state_among_others_will_do(owner: Owner, made: httpx.Response, form: str) -> None:
    server, etag = made.json(), made.headers["etag"]
    for write in range(3):
        answer = writes_one(owner, server, form.format(etag), write)
        assert answer.status_code == 200, answer.text
        etag = answer.headers.get("etag")
    assert owner.http.get(path(server)).status_code == 404


def writes_one(owner: Owner, server: dict[str, Any], if_match: str, which: int) -> httpx.Response:
    headers = {"If-Match": if_match.encode("latin-1")}
    method, place, body = (
        ("PUT", path(server), {"description": "changed"}),
        ("POST", path(server, "token"), {}),
        ("DELETE", path(server), None),
    )[which]
    return owner.http.request(method, place, json=body, headers=headers)


@pytest.mark.parametrize(
    "if_match", ["x", "1", "", '"', '"a" "b"', '*, "a"', "**", 'w/"a"', "W/a", '"a\tb"', ",", "'a'"]
)
def test_what_is_no_list_of_etags_is_400(owner: Owner, made: httpx.Response, if_match: str) -> None:
    server = made.json()
    for answer in writes(owner, server, if_match):
        assert refusal(answer) == MALFORMED
    got = owner.http.get(path(server), headers={"If-None-Match": if_match})
    assert refusal(got) == (400, "INVALID_REQUEST", ("If-None-Match", "pattern"))
    assert got.headers.get("etag") is None


def test_two_lines_are_one_list(service: Service, made: httpx.Response, owner: Owner) -> None:
    target, etag = path(made.json()).encode(), made.headers["etag"].encode()
    user = f"x-alloy-userid: {owner.user}".encode()
    lines = (user, b'if-match: "x"', b"if-match: " + etag)
    assert request(service, b"PUT", target, b"{}", lines).status == 200
    blanks = b"if-match: \t" + owner.http.get(path(made.json())).headers["etag"].encode() + b" \t"
    assert request(service, b"PUT", target, b"{}", (user, blanks)).status == 200
    assert request(service, b"PUT", target, b"{}", (user, b"if-match: *", b'if-match: "x"')).status == 400


def test_what_is_not_there_is_404_and_not_412(service: Service, owner: Owner, made: httpx.Response) -> None:
    server = made.json()
    for answer in (
        owner.http.put("/api/servers/no-such-server", json={}, headers={"If-Match": '"x"'}),
        service.client().put(path(server), json={}, headers={"If-Match": '"x"'}),
        service.client().put(path(server), json={}, headers={"If-Match": made.headers["etag"]}),
        service.client().delete(path(server), headers={"If-Match": made.headers["etag"]}),
    ):
        assert refusal(answer)[:2] == (404, "NOT_FOUND")


def test_of_concurrent_writers_exactly_one_wins(owner: Owner, made: httpx.Response) -> None:
    server, etag = made.json(), made.headers["etag"]

    def write(number: int) -> httpx.Response:
        return owner.http.put(path(server), json={"description": str(number)}, headers={"If-Match": etag})

    with ThreadPoolExecutor(8) as pool:
        answers = list(pool.map(write, range(8)))
    assert sorted(answer.status_code for answer in answers) == [200] + [412] * 7
    won = next(answer for answer in answers if answer.status_code == 200)
    now = owner.http.get(path(server))
    assert (now.json(), now.headers["etag"]) == (won.json(), won.headers["etag"])


def test_a_taken_name_in_a_state_of_before_is_412(owner: Owner, made: httpx.Response) -> None:
    taken = owner.create(f"taken {time.monotonic_ns()}")["name"]
    server = made.json()
    headers = {"If-Match": made.headers["etag"]}
    assert owner.http.put(path(server), json={"name": taken}, headers=headers).status_code == 409
    owner.http.put(path(server), json={})
    assert owner.http.put(path(server), json={"name": taken}, headers=headers).status_code == 412


def test_what_the_caller_has_is_not_sent_again(owner: Owner, made: httpx.Response) -> None:
    server, etag = made.json(), made.headers["etag"]
    for known in (etag, f"W/{etag}", "*", f'"x", {etag}'):
        answer = owner.http.get(path(server), headers={"If-None-Match": known})
        assert (answer.status_code, answer.content, answer.headers["etag"]) == (304, b"", etag)
        assert not {"content-type", "content-length", "transfer-encoding"} & set(answer.headers)
    fresh = owner.http.get(path(server), headers={"If-None-Match": '"x"'})
    assert (fresh.status_code, fresh.json()["serverId"]) == (200, server["serverId"])
    owner.http.put(path(server), json={"description": "new"})
    assert owner.http.get(path(server), headers={"If-None-Match": etag}).json()["description"] == "new"
    assert owner.http.get("/api/servers/no-such-server", headers={"If-None-Match": "*"}).status_code == 404


def test_another_base_url_is_another_state(tmp_path: Any) -> None:
    """Its `accessUrl` is another one, so that whoever has the old answer must be sent the new one."""
    with serving(tmp_path) as first:
        made = first.client().post("/api/servers", json={"name": "moving"})
    with serving(tmp_path, TOOLGATE_BASE_URL="https://gate.example.com") as second:
        place = f"/api/servers/{made.json()['serverId']}"
        answer = second.client().get(place, headers={"If-None-Match": made.headers["etag"]})
        assert answer.json()["accessUrl"].startswith("https://gate.example.com/")


def test_tags() -> None:
    here, there = "https://a.example/mcp/x", "https://a.example/mcp/y"
    assert sorted(named(here, frozenset({tag(here, 1), tag(here, 123_456_789), tag(there, 5)}))) == [1, 123_456_789]
    mark = tag(here, 1)[:-1]
    assert (
        named(here, frozenset({f"{mark}0", f"{mark}-1", f"{mark}\u0661", f"{mark}1\n", f"{mark}1234567890", mark, ""}))
        == []
    )
