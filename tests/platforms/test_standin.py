"""The stand-in itself: it lets the right request pass and finds what is wrong with others."""

import dataclasses
import json
from collections.abc import AsyncIterator
from typing import Any
from urllib.parse import urlencode

import aiohttp
import pytest
import pytest_asyncio
from multidict import CIMultiDict
from yarl import URL

from .facts import Expected, Platform, Row, read_platform
from .files import File, Part
from .graphql import Broken, Judge, read_request, read_schema
from .standin import AllHere, Standin, serving

SCHEMA = """
type QueryRoot { thing(id: ID!): Thing things(first: Int, like: Like, order: Order): [Thing!]! }
type Mutation { thingCreate(thing: Like): Thing }
type Thing { id: ID! name(upper: Boolean): String owner: Thing }
input Like { name: String, tags: [String!], order: Order }
enum Order { UP DOWN }
"""


# One stand-in for the whole module: to start and stop a server takes longer than all that is asked of it.
in_one_loop = pytest.mark.asyncio(loop_scope="module")


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def standin(tmp_path_factory: pytest.TempPathFactory) -> AsyncIterator[tuple[Standin, aiohttp.ClientSession]]:
    played = Standin()
    async with serving(played, ["api.github.com"], tmp_path_factory.mktemp("standin")) as (port, tls):
        connector = aiohttp.TCPConnector(ssl=tls, resolver=AllHere(port))
        async with aiohttp.ClientSession(connector=connector) as session:
            yield played, session


def row_of(platform: Platform, action_id: str) -> Row:
    return next(row for row in platform.rows if row.action_id == action_id)


async def ask(
    standin: tuple[Standin, aiohttp.ClientSession], action_id: str, **changes: Any
) -> tuple[int, Any, list[str]]:
    """Send what GitHub expects for this action, with changes, as the stand-in of this action."""
    played, session = standin
    platform = read_platform("github")
    row = row_of(platform, action_id)
    played.play(platform, row)
    wanted = dataclasses.replace(row.expected, **{name: value for name, value in changes.items() if name != "headers"})
    assert platform.credential is not None
    name, value = platform.credential
    headers = {**platform.headers, name: value, **changes.get("headers", {})}
    body = None if wanted.body is ... else json.dumps(wanted.body).encode()
    if body:
        headers["content-type"] = "application/json"
    query = f"?{urlencode(wanted.query)}" if wanted.query else ""
    address = URL(f"https://api.github.com{wanted.paths[0]}{query}", encoded=True)
    async with session.request(wanted.method, address, headers=headers, data=body) as got:
        return got.status, await got.json(), played.faults


@in_one_loop
@pytest.mark.parametrize("action_id", ["getContent", "createIssue", "searchIssues", "updateIssue"])
async def test_the_right_request_passes(standin: tuple[Standin, aiohttp.ClientSession], action_id: str) -> None:
    status, answer, faults = await ask(standin, action_id)
    row = row_of(read_platform("github"), action_id)
    assert (status, answer, faults) == (row.status, row.answer, [])


@in_one_loop
@pytest.mark.parametrize(
    ("changes", "fault"),
    [
        ({"method": "PUT"}, "the method is PUT and not POST"),
        ({"paths": ("/repos/octocat/hello%2Eworld/issues",)}, "the path is /repos/octocat/hello%2Eworld/issues"),
        ({"query": (("a", ""),)}, "the query is [('a', '')]"),
        ({"body": {"title": "Broken"}}, "the body is {'title': 'Broken'}"),
        ({"headers": {"accept": "*/*"}}, "header accept is '*/*'"),
        ({"headers": {"user-agent": ""}}, "there is no user agent"),
        ({"headers": {"host": "github.com"}}, "header host is 'github.com'"),
        ({"body": ...}, "the content type is 'application/octet-stream'"),
    ],
)
async def test_what_is_wrong_is_found(
    standin: tuple[Standin, aiohttp.ClientSession], changes: dict[str, Any], fault: str
) -> None:
    status, _, faults = await ask(standin, "createIssue", **changes)
    assert status == 418
    assert any(each.startswith(fault) for each in faults), faults


@in_one_loop
@pytest.mark.parametrize("value", ["Bearer other", "ghp_invented", "", "bearer  ghp_invented"])
async def test_another_credential_is_refused_as_the_platform_does(
    standin: tuple[Standin, aiohttp.ClientSession], value: str
) -> None:
    status, answer, _ = await ask(standin, "getAuthenticatedUser", headers={"authorization": value})
    assert status == 401
    assert answer["message"] == "Bad credentials"


@in_one_loop
@pytest.mark.parametrize(
    ("query", "expected"),
    [
        ("key=k&token=t", 200),
        ("token=t&key=k", 200),
        ("key=k", 401),
        ("key=k&token=other", 401),
        ("key=k&token=t&token=t", 401),
        ("", 401),
        ("key=k&token=t&more=1", 418),
    ],
)
async def test_a_credential_may_stand_in_the_query(
    standin: tuple[Standin, aiohttp.ClientSession], query: str, expected: int
) -> None:
    played, session = standin
    github = read_platform("github")
    pairs = (("key", "k"), ("token", "t"))
    platform = dataclasses.replace(github, credential=None, credential_query=pairs)
    played.play(platform, row_of(platform, "getAuthenticatedUser"))
    address = URL(f"https://api.github.com/user{'?' if query else ''}{query}", encoded=True)
    async with session.get(address, headers=github.headers) as got:
        assert got.status == expected


FILE = Part("file", "a.txt", "text/plain", b"hello")
UPLOAD = Expected("POST", ("/u",), content_type="multipart/form-data", parts=(Part("about", value={"n": 1}), FILE))
CSV = Expected("POST", ("/u",), content_type="text/csv", content=b"a,b")
ABOUT = ("about", None, "application/json", b'{"n": 1}')
UPLOADED = ("file", "a.txt", "text/plain", b"hello")


def multipart(*parts: tuple[str, str | None, str, bytes]) -> aiohttp.MultipartWriter:
    writer = aiohttp.MultipartWriter("form-data")
    for name, filename, content_type, content in parts:
        part = writer.append(content, CIMultiDict({"Content-Type": content_type}))
        named: dict[str, Any] = {} if filename is None else {"filename": filename}
        part.set_content_disposition("form-data", name=name, **named)
    return writer


@in_one_loop
@pytest.mark.parametrize(
    ("expected", "body", "fault"),
    [
        (CSV, b"a,b", None),
        (CSV, b"a,c", "the body is b'a,c'"),
        (dataclasses.replace(CSV, content_type="text/plain"), b"a,b", "the content type is 'text/csv'"),
        (UPLOAD, (ABOUT, UPLOADED), None),
        (UPLOAD, (UPLOADED, ABOUT), "the parts are"),
        (UPLOAD, (("about", None, "application/json", b'{"n": 2}'), UPLOADED), "the parts are"),
        (UPLOAD, (ABOUT, ("file", "b.txt", "text/plain", b"hello")), "the parts are"),
        (UPLOAD, (ABOUT, ("file", "a.txt", "text/html", b"hello")), "the parts are"),
        (UPLOAD, (ABOUT, ("file", "a.txt", "text/plain", b"hell")), "the parts are"),
        (UPLOAD, (ABOUT,), "the parts are"),
        (dataclasses.replace(CSV, host="upload.github.com"), b"a,b", "header host is 'api.github.com'"),
        (dataclasses.replace(CSV, headers={"x-a": "1"}), b"a,b", "header x-a is None"),
    ],
)
async def test_files_and_hosts_are_judged(
    standin: tuple[Standin, aiohttp.ClientSession], expected: Expected, body: Any, fault: str | None
) -> None:
    played, session = standin
    github = read_platform("github")
    played.play(github, Row("upload", {}, expected, 200, File("image/png", b"\x89PNG")))
    headers = {**github.headers, "authorization": "Bearer ghp_invented"}
    if isinstance(body, bytes):
        headers["content-type"] = "text/csv"
    data = body if isinstance(body, bytes) else multipart(*body)
    async with session.post("https://api.github.com/u", headers=headers, data=data) as got:
        answer = await got.read()
    if fault is None:
        assert played.faults == []
        assert (got.content_type, answer) == ("image/png", b"\x89PNG")
    else:
        assert any(each.startswith(fault) for each in played.faults), played.faults
        assert got.status == 418


def judge(query: str, variables: dict[str, Any]) -> tuple[str, dict[str, Any]]:
    return Judge(read_schema(SCHEMA), read_request(query), variables).resolve()


@pytest.mark.parametrize(
    ("query", "variables", "expected"),
    [
        ("{ thing(id: 1) { id } }", {}, None),
        ('query Named { thing(id: "1") { id owner { name(upper: true) } } }', {}, ("thing", {"id": "1"})),
        ("query ($id: ID!) { thing(id: $id) { id } }", {"id": "1"}, ("thing", {"id": "1"})),
        ("query ($n: Int = 5) { things(first: $n) { id } }", {}, ("things", {"first": 5})),
        ("query ($n: Int) { things(first: $n, order: UP) { id } }", {}, ("things", {"order": "UP"})),
        (
            "mutation ($name: String, $tags: [String!]) { thingCreate(thing: {name: $name, tags: $tags}) { id } }",
            {"tags": ["a"]},
            ("thingCreate", {"thing": {"tags": ["a"]}}),
        ),
        ("query ($l: Like) { things(like: $l) { id } }", {"l": {"order": "UP"}}, ("things", {"like": {"order": "UP"}})),
        # What a server refuses:
        ("query ($id: ID!) { thing(id: $id) { id } }", {}, None),
        ("query ($id: ID!) { thing(id: $id) { id } }", {"id": None}, None),
        ("query ($id: ID) { thing(id: $id) { id } }", {"id": "1"}, None),
        ("query ($n: Int) { things(first: $n) { id } }", {"n": "5"}, None),
        ("query ($n: Int) { things(first: $n) { id } }", {"n": True}, None),
        ("query ($n: Int) { things(first: $n) { id } }", {"m": 1}, None),
        ("query ($n: Int) { things { id } }", {}, None),
        ("query { things(first: $n) { id } }", {}, None),
        ("query ($o: Order) { things(order: $o) { id } }", {"o": "SIDEWAYS"}, None),
        ("query ($l: Like) { things(like: $l) { id } }", {"l": {"colour": "red"}}, None),
        ("query ($l: Like) { things(like: $l) { id } }", {"l": {"tags": ["a", None]}}, None),
        ("query ($l: Like) { things(like: $l) { id } }", {"l": {"tags": "a"}}, None),
        ("query { things }", {}, None),
        ("query { things { id { deep } } }", {}, None),
        ("query { things { colour } }", {}, None),
        ("query { things(last: 1) { id } }", {}, None),
        ("query { thing { id } }", {}, None),
        ("query { things { } }", {}, None),
        ("query { things { id }", {}, None),
        ("query { things { id } } query { things { id } }", {}, None),
        ("subscription { things { id } }", {}, None),
        ("query { things { ...All } }", {}, None),
    ],
)
def test_graphql_is_judged_as_a_server_would(
    query: str, variables: dict[str, Any], expected: tuple[str, dict[str, Any]] | None
) -> None:
    if expected is None:
        with pytest.raises(Broken):
            judge(query, variables)
    else:
        assert judge(query, variables) == expected


def test_arguments_below_the_root_are_told() -> None:
    query = "query ($id: ID!, $up: Boolean) { thing(id: $id) { name(upper: $up) owner { name(upper: true) } } }"
    asked = Judge(read_schema(SCHEMA), read_request(query), {"id": "1", "up": False})
    assert asked.resolve() == ("thing", {"id": "1"})
    assert asked.nested == {"name": {"upper": False}}
