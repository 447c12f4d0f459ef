"""Where a redirect may lead, and what goes along."""

import pytest
from outbound_support import Make, Names, Received, Serve, answer

from gateway.errors import UpstreamError
from gateway.outbound.hops import LIMIT
from gateway.outbound.messages import Request

REDIRECTS = [301, 302, 303, 307, 308]


@pytest.mark.parametrize("status", REDIRECTS)
@pytest.mark.parametrize("method", ["GET", "HEAD"])
async def test_reading_is_redirected(serve: Serve, make: Make, status: int, method: str) -> None:
    platform = await serve(lambda r: answer(200, b"") if r.target == "/new" else answer(status, b"", Location="/new"))
    response = await make().send(Request(method, platform.url + "/old"))
    assert (response.status, response.url) == (200, platform.url + "/new")
    assert [(r.method, r.target) for r in platform.received] == [(method, "/old"), (method, "/new")]
    assert platform.connections == 1


@pytest.mark.parametrize("status", REDIRECTS)
@pytest.mark.parametrize("method", ["POST", "PUT", "PATCH", "DELETE", "OPTIONS"])
async def test_writing_is_not(serve: Serve, make: Make, status: int, method: str) -> None:
    platform = await serve(answer(status, b"moved", Location="/new"))
    response = await make().send(Request(method, platform.url + "/old", body=b"x"))
    assert (response.status, response.headers["location"], response.body) == (status, "/new", b"moved")
    assert platform.targets == ["/old"]


@pytest.mark.parametrize(
    ("status", "location"), [(300, "/new"), (304, "/new"), (305, "/new"), (302, ""), (201, "/new")]
)
async def test_what_is_no_redirect(serve: Serve, make: Make, status: int, location: str) -> None:
    platform = await serve(answer(status, b"", **({"Location": location} if location else {})))
    assert (await make().send(Request("GET", platform.url))).status == status
    assert len(platform.received) == 1


@pytest.mark.parametrize(
    ("location", "target"),
    [
        ("next?a=%2F+b%20c", "/dir/next?a=%2F+b%20c"),
        ("/x#fragment", "/x"),
        ("?page=2", "/dir/old?page=2"),
        ("../up", "/up"),
        ('/sp ace/é?q="1"', '/sp%20ace/%C3%A9?q="1"'),
        ("/X-Amz-Signature=%7E%7e&a=[1]", "/X-Amz-Signature=%7E%7e&a=[1]"),
    ],
)
async def test_the_target_is_kept_as_it_is_given(serve: Serve, make: Make, location: str, target: str) -> None:
    platform = await serve(lambda r: answer() if r.target != "/dir/old" else answer(302, Location=location))
    await make().send(Request("GET", platform.url + "/dir/old"))
    assert platform.targets == ["/dir/old", target]


async def test_five_are_followed_and_not_one_more(serve: Serve, make: Make) -> None:
    def count(received: Received) -> bytes:
        number = int(received.target[1:])
        return answer(302, Location=f"/{number - 1}") if number else answer()

    platform = await serve(count)
    assert (await make().send(Request("GET", f"{platform.url}/5"))).status == 200
    assert len(platform.received) == LIMIT + 1 == 6
    with pytest.raises(UpstreamError, match="redirects more than 5 times"):
        await make().send(Request("GET", f"{platform.url}/6"))
    assert len(platform.received) == 12


@pytest.mark.parametrize(
    "location",
    [
        "ftp://127.0.0.1/", "file:///etc/passwd", "javascript:alert(1)", "gopher://127.0.0.1:70/", "http://[",
        "http://user:word@127.0.0.1/", "http://127.0.0.1:99999/", "http://bücher.test/",
    ],
)  # fmt: skip
async def test_a_target_that_cannot_be_called(serve: Serve, make: Make, location: str) -> None:
    platform = await serve(answer(302, Location=location))
    with pytest.raises(UpstreamError, match="redirects to an address that cannot be called"):
        await make().send(Request("GET", platform.url))
    assert len(platform.received) == 1


@pytest.mark.parametrize("hops", [0, 1, 2])
@pytest.mark.parametrize("inside", ["127.0.0.1", "localhost", "0x7f.1", "[::1]", "inside.test"])
async def test_a_redirect_to_the_inside_is_blocked_on_each_hop(
    serve: Serve, make: Make, hops: int, inside: str
) -> None:
    secret = await serve(answer(200, b"inside"), host="0.0.0.0")

    def lead(received: Received) -> bytes:
        left = int(received.target[1:])
        return answer(302, Location=f"/{left - 1}" if left else f"http://{inside}:{secret.port}/")

    outside = await serve(lead, host="127.0.0.2")
    names = Names(inside_test=["127.0.0.1"], localhost=["127.0.0.1"], **{"0x7f_1": ["127.0.0.1"]})
    with pytest.raises(UpstreamError, match="may not be called"):
        await make(allow=["127.0.0.2/32"], resolver=names).send(Request("GET", f"{outside.url}/{hops}"))
    assert len(outside.received) == hops + 1
    assert secret.connections == 0


SECRETS = {
    "Authorization": "Bearer t",
    "Cookie": "a=b",
    "Proxy-Authorization": "Basic p",
    "X-Api-Key": "k",
    "X-Other": "o",
}


def with_secrets(url: str, method: str = "GET") -> Request:
    return Request(
        method,
        url,
        SECRETS,
        b"body",
        credential_headers=frozenset({"x-api-key"}),
        credential_query=frozenset({"api_key", "to ken[]"}),
    )


def kept(received: Received) -> set[str]:
    return {name for name in SECRETS if name.lower() in received.headers}


async def test_within_the_origin_the_credential_is_kept(serve: Serve, make: Make) -> None:
    def move(received: Received) -> bytes:
        # The same origin in another spelling.
        there = f"HTTP://{received.headers['host']}/n?api_key=k"
        return answer() if received.target != "/old" else answer(307, Location=there)

    platform = await serve(move)
    await make().send(with_secrets(platform.url + "/old"))
    assert kept(platform.received[1]) == set(SECRETS)
    assert (platform.received[1].target, platform.received[1].body) == ("/n?api_key=k", b"body")


async def test_a_303_drops_the_body(serve: Serve, make: Make) -> None:
    platform = await serve(lambda r: answer() if r.target != "/old" else answer(303, Location="/new"))
    await make().send(with_secrets(platform.url + "/old"))
    assert platform.received[1].body == b""


@pytest.mark.parametrize("change", ["port", "host"])
async def test_across_origins_the_credential_is_dropped(serve: Serve, make: Make, change: str) -> None:
    query = "a=1&api_key=k&b=%2F&to+ken%5B%5D=t&%61pi_key=k&c"
    other = await serve(answer(200, b"other"), host="127.0.0.2" if change == "host" else "127.0.0.1")
    platform = await serve(answer(308, Location=f"{other.url}/n?{query}"), port=other.port if change == "host" else 0)
    response = await make().send(with_secrets(platform.url + "/old?api_key=k"))
    assert response.body == b"other"
    assert kept(platform.received[0]) == set(SECRETS)
    (received,) = other.received
    assert kept(received) == {"X-Other"}
    assert received.target == "/n?a=1&b=%2F&c"
    assert received.body == b""
    assert received.headers["host"] == f"{other.host}:{other.port}"


async def test_a_query_of_nothing_but_credentials(serve: Serve, make: Make) -> None:
    other = await serve(answer())
    platform = await serve(answer(302, Location=f"{other.url}/n?api_key=k"))
    await make().send(with_secrets(platform.url))
    assert other.targets == ["/n"]


async def test_what_was_dropped_does_not_come_back(serve: Serve, make: Make) -> None:
    """There and back again: the other origin chose the target, so it is not trusted with our credential."""
    back = ""
    other = await serve(lambda r: answer(302, Location=back))
    platform = await serve(lambda r: answer() if r.target == "/trap" else answer(302, Location=other.url))
    back = platform.url + "/trap"
    await make().send(with_secrets(platform.url))
    assert [sorted(kept(r)) for r in platform.received] == [sorted(SECRETS), ["X-Other"]]
