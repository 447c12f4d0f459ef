"""What is sent, what comes back, and what a caller is told when nothing does."""

import asyncio
import datetime
import ipaddress
import logging
import socket
import ssl
import traceback
from pathlib import Path
from typing import Any

import pytest
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import NameOID
from outbound_support import Make, Names, Received, Serve, answer

from gateway.errors import InvalidRequest, ToolgateError, Unavailable, UpstreamError, UpstreamTimeout
from gateway.outbound.client import OutboundClient
from gateway.outbound.guard import Guard
from gateway.outbound.messages import Request, Response, origin_of

SECRET = "s3cr3t"


@pytest.mark.parametrize(
    "target",
    [
        "/a%2Fb/%2e%2E/c",
        "/a+b%20c?q=x+y%20z%2B&r=%26",
        "/list[]?ids[]=1&ids%5B%5D=2",
        "/~user/;v=1/@me:x?$filter=a%20eq%20'b'&e=",
        "/a//b/./../c?x=/?/",
        '/odd?json={"a":1}|^`<>\\',
        "/%7Euser/%C3%A9",
        "/?",
        "/x?a=1&a=2&&=",
    ],
)
async def test_the_url_is_sent_byte_for_byte(serve: Serve, make: Make, target: str) -> None:
    platform = await serve(answer())
    response = await make().send(Request("GET", platform.url + target))
    assert platform.targets == [target.removesuffix("?")]
    assert response.url == platform.url + target


async def test_a_request_and_its_answer(serve: Serve, make: Make) -> None:
    platform = await serve(answer(201, b'{"id":7}', Content_Type="application/json", X_Request_Id="r1"))
    headers = {"Content-Type": "application/json", "X-Key": "k", "Accept": "application/json"}
    response = await make(user_agent="toolgate/9").send(Request("PATCH", platform.url + "/v1", headers, b'{"a":1}'))
    assert (response.status, response.body) == (201, b'{"id":7}')
    assert dict(response.headers) == {"content-length": "8", "content-type": "application/json", "x-request-id": "r1"}
    (received,) = platform.received
    assert (received.method, received.target, received.body) == ("PATCH", "/v1", b'{"a":1}')
    assert received.headers == {
        "host": f"127.0.0.1:{platform.port}",
        "user-agent": "toolgate/9",
        "accept-encoding": "identity",
        "content-type": "application/json",
        "x-key": "k",
        "accept": "application/json",
        "content-length": "7",
    }


async def test_framing_is_not_the_callers_business(serve: Serve, make: Make) -> None:
    platform = await serve(answer())
    wished = {
        "Host": "evil.example",
        "Content-Length": "999",
        "Transfer-Encoding": "chunked",
        "Connection": "close",
        "Expect": "100-continue",
        "Accept-Encoding": "gzip",
        "User-Agent": "theirs",
    }
    await make().send(Request("POST", platform.url, wished, b"abc", timeout=2))
    (received,) = platform.received
    assert received.body == b"abc"
    assert received.headers["host"] == f"127.0.0.1:{platform.port}"
    assert received.headers["accept-encoding"] == "identity"
    assert received.headers["user-agent"] == "theirs"
    assert not {"transfer-encoding", "connection", "expect"} & set(received.headers)


async def test_an_empty_post_has_no_content_type(serve: Serve, make: Make) -> None:
    platform = await serve(answer())
    await make().send(Request("POST", platform.url))
    assert "content-type" not in platform.received[0].headers
    assert platform.received[0].headers["content-length"] == "0"


async def test_a_large_body_goes_out_whole(serve: Serve, make: Make) -> None:
    platform = await serve(answer())
    body = bytes(range(256)) * 12_000
    await make().send(Request("PUT", platform.url, {"Content-Type": "image/png"}, body))
    assert platform.received[0].body == body
    assert platform.received[0].headers["content-type"] == "image/png"


async def test_repeated_fields_are_joined_and_cookies_left_out(serve: Serve, make: Make) -> None:
    head = b"HTTP/1.1 200 OK\r\nLink: <a>\r\nLINK: <b>\r\nSet-Cookie: a=b\r\nX-Odd: caf\xe9\r\nX-Fine: caf\xc3\xa9\r\n"
    platform = await serve(head + b"Content-Length: 0\r\n\r\n")
    response = await make().send(Request("GET", platform.url))
    assert response.headers == {"link": "<a>, <b>", "x-odd": "caf�", "x-fine": "café", "content-length": "0"}


async def test_cookies_are_never_kept(serve: Serve, make: Make) -> None:
    # A name, because no cookie jar keeps cookies of a bare address.
    platform = await serve(answer(Set_Cookie="session=1; Path=/"))
    client = make(resolver=Names(platform_test=["127.0.0.1"]))
    for _ in range(2):
        await client.send(Request("GET", f"http://platform.test:{platform.port}/"))
    assert len(platform.received) == 2
    assert all("cookie" not in received.headers for received in platform.received)


async def test_connections_are_used_again(serve: Serve, make: Make) -> None:
    platform = await serve(answer(body=b""))
    client = make()
    for method in ("GET", "POST", "HEAD", "DELETE"):
        await client.send(Request(method, platform.url))
    assert (len(platform.received), platform.connections) == (4, 1)


async def test_proxies_of_the_environment_are_ignored(
    serve: Serve, make: Make, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    platform, proxy = await serve(answer()), await serve(answer(500))
    for variable in ("http_proxy", "HTTP_PROXY", "https_proxy", "all_proxy", "ALL_PROXY"):
        monkeypatch.setenv(variable, proxy.url)
    monkeypatch.delenv("no_proxy", raising=False)
    netrc = tmp_path / "netrc"
    netrc.write_text("default login someone password word\n")
    monkeypatch.setenv("NETRC", str(netrc))
    assert (await make().send(Request("GET", platform.url))).status == 200
    assert proxy.connections == 0
    assert "authorization" not in platform.received[0].headers


async def test_interim_answers_are_skipped(serve: Serve, make: Make) -> None:
    platform = await serve(b"HTTP/1.1 103 Early Hints\r\nLink: </a>\r\n\r\n" + answer(200, b"last"))
    assert (await make().send(Request("GET", platform.url))).body == b"last"


async def test_an_answer_that_ends_with_its_connection(serve: Serve, make: Make) -> None:
    platform = await serve(b"HTTP/1.1 200 OK\r\nConnection: close\r\n\r\nall of it")
    assert (await make().send(Request("GET", platform.url))).body == b"all of it"


async def test_chunks_are_put_together(serve: Serve, make: Make) -> None:
    chunks = b"".join(b"%x\r\n%s\r\n" % (length, b"z" * length) for length in range(1, 300))
    platform = await serve(b"HTTP/1.1 200 OK\r\nTransfer-Encoding: Chunked\r\n\r\n" + chunks + b"0\r\n\r\n")
    assert (await make().send(Request("GET", platform.url))).body == b"z" * (299 * 150)


async def test_an_early_answer_to_a_body_that_is_not_read(serve: Serve, make: Make) -> None:
    async def refuse(received: Received) -> bytes:
        return answer(413, b"too much", Connection="close")

    platform = await serve(refuse)
    response = await make().send(Request("POST", platform.url, body=b"x" * 500_000))
    assert (response.status, response.body) == (413, b"too much")


@pytest.mark.parametrize(
    "url",
    [
        "",
        "/relative",
        "ftp://platform.test/",
        "http://",
        "http://platform.test/a b",
        "http://platform.test/é",
        "http://platform.test/a\r\nX-Injected: 1",
        "http://platform.test/a\n",
        "http://platform.test/#fragment",
        "http://user:word@platform.test/",
        "http://platform.test\\@other.test/",
        "http://platform.test:0/",
        "http://platform.test:70000/",
        "http://pl%61tform.test/",
        "http://\uff50latform.test/",
        "http://[fe80::1%25eth0]/",
    ],
)
async def test_a_url_that_cannot_be_sent(make: Make, url: str) -> None:
    with pytest.raises(InvalidRequest) as caught:
        await make(resolver=Names()).send(Request("GET", url))
    assert caught.value.details["field"] == "url"


@pytest.mark.parametrize("method", ["", "get", "CONNECT", "GET /x HTTP/1.1\r\nX: y\r\n\r\nGET", "BREW IT"])
async def test_a_method_that_is_not_sent(make: Make, method: str) -> None:
    with pytest.raises(InvalidRequest) as caught:
        await make(resolver=Names()).send(Request(method, "http://platform.test/"))
    assert caught.value.details["field"] == "method"


@pytest.mark.parametrize(
    "headers",
    [
        {"X": f"a\r\nInjected: {SECRET}"},
        {"X": f"a\n{SECRET}"},
        {"X": f"a\0{SECRET}"},
        {f"X\r\nInjected-{SECRET}": "a"},
        {f"X:{SECRET}": "a"},
        {"": SECRET},
        {"X Y": SECRET},
    ],
)
async def test_a_header_that_cannot_be_sent(serve: Serve, make: Make, headers: dict[str, str]) -> None:
    platform = await serve(answer())
    with pytest.raises(InvalidRequest) as caught:
        await make().send(Request("POST", platform.url, headers))
    assert caught.value.details["field"] == "headers"
    assert SECRET not in whole_text(caught.value)
    assert platform.received == []


def whole_text(error: BaseException) -> str:
    """All that a log or a caller could see of an error, its causes and contexts included."""
    parts = list(traceback.format_exception(error))
    while error is not None:
        parts += [repr(error), str(error), *(repr(value) for value in vars(error).values())]
        error = error.__cause__ or error.__context__  # type: ignore[assignment]
    return "\n".join(parts)


def secret_request(url: str, **options: Any) -> Request:
    return Request("POST", f"{url}/x?key={SECRET}", {"Authorization": SECRET}, SECRET.encode(), **options)


async def failure(client: OutboundClient, request: Request) -> ToolgateError:
    """The error that the request ends with, after a look that it gives nothing away."""
    with pytest.raises(ToolgateError) as caught:
        await client.send(request)
    text = whole_text(caught.value)
    assert SECRET not in text
    assert "/x?" not in text
    assert caught.value.details["host"] == origin_of(request.url).host
    return caught.value


async def test_a_refused_connection(make: Make, free_port: int) -> None:
    error = await failure(make(), secret_request(f"http://127.0.0.1:{free_port}"))
    assert isinstance(error, UpstreamError)
    assert error.message == "No connection to 127.0.0.1: Connection refused"


async def test_a_name_that_does_not_exist(make: Make) -> None:
    names = Names(gone_test=[socket.gaierror(socket.EAI_NONAME, "Name or service not known")])
    error = await failure(make(resolver=names), secret_request("http://gone.test"))
    assert isinstance(error, UpstreamError)
    assert error.message == "gone.test cannot be resolved"
    assert names.asked == ["gone.test"]


@pytest.mark.parametrize(
    ("bytes_sent", "told"),
    [
        (b"", "127.0.0.1 closed the connection before it had answered"),
        (b"HTTP/1.1 200", "127.0.0.1 closed the connection before it had answered"),
        (b"HTTP/1.1 200 OK\r\nContent-Length: 9\r\n\r\nabc", "127.0.0.1 broke off its answer"),
        (b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n9\r\nabc", "127.0.0.1 broke off its answer"),
        (b"SSH-2.0-OpenSSH\r\n\r\n", "not valid HTTP"),
        (b"HTTP/1.1 200 OK\r\nContent-Length: 1\r\nContent-Length: 2\r\n\r\nab", "not valid HTTP"),
        (b"HTTP/1.1 101 Switching\r\nUpgrade: h2c\r\nConnection: upgrade\r\n\r\n", "nobody asked for"),
    ],
)
async def test_a_broken_answer(serve: Serve, make: Make, bytes_sent: bytes, told: str) -> None:
    async def break_off(received: Received) -> bytes:
        received.writer.write(bytes_sent)
        await received.writer.drain()
        received.writer.close()
        return b""

    platform = await serve(break_off)
    error = await failure(make(), secret_request(platform.url))
    assert isinstance(error, UpstreamError)
    assert told in error.message


async def test_a_connection_reset(serve: Serve, make: Make) -> None:
    async def reset(received: Received) -> bytes:
        received.writer.transport.abort()
        return b""

    platform = await serve(reset)
    error = await failure(make(), secret_request(platform.url))
    assert error.message == "127.0.0.1 closed the connection before it had answered"


async def test_a_timeout(serve: Serve, make: Make) -> None:
    async def hang(received: Received) -> None:
        return None

    platform = await serve(hang)
    error = await failure(make(), secret_request(platform.url, timeout=0.1))
    assert isinstance(error, UpstreamTimeout)
    assert error.message == "127.0.0.1 did not answer within 0.1 seconds"


async def test_a_closed_client(serve: Serve, make: Make) -> None:
    platform = await serve(answer())
    client = make()
    await client.send(Request("GET", platform.url))
    await client.close()
    await platform.all_closed()
    with pytest.raises(Unavailable):
        await client.send(Request("GET", platform.url))
    await client.close()


@pytest.mark.parametrize("method", ["GET", "POST"])
@pytest.mark.parametrize("start", [b"", b"HTTP/1.1 200 OK\r\nContent-Length: 9\r\n\r\nabc"])
async def test_closing_ends_what_is_under_way(serve: Serve, make: Make, method: str, start: bytes) -> None:
    async def hang(received: Received) -> None:
        received.writer.write(start)

    platform = await serve(hang)
    client = make()
    call = asyncio.create_task(client.send(Request(method, platform.url, timeout=5)))
    await platform.has_received(1)
    # The start of the answer arrives.
    await asyncio.sleep(0.02)
    await client.close()
    with pytest.raises(Unavailable):
        await asyncio.wait_for(call, 1)
    await platform.all_closed()


def test_nothing_secret_is_printed() -> None:
    request = secret_request("https://platform.test")
    assert repr(request) == "<Request POST https://platform.test>"
    assert SECRET not in repr(Request("GET", SECRET))
    assert repr(Response(200, {"x": SECRET}, SECRET.encode(), f"https://a/?{SECRET}")) == "<Response 200, 6 bytes>"


class TestAddresses:
    @pytest.mark.parametrize(
        "host",
        [
            "127.0.0.1", "127.0.0.1.", "127.1", "2130706433", "0x7f000001", "0x7f.1", "0177.0.0.1", "017700000001", "0",
            "[::1]", "[::ffff:127.0.0.1]", "[::ffff:7f00:1]", "[64:ff9b::7f00:1]", "[::127.0.0.1]", "[::]", "localhost",
            "LOCALHOST", "localhost.",
        ],
    )  # fmt: skip
    async def test_no_spelling_of_loopback_is_called(self, serve: Serve, make: Make, host: str) -> None:
        platform = await serve(answer(), host="0.0.0.0")
        with pytest.raises(UpstreamError) as caught:
            await make(allow=[]).send(Request("GET", f"http://{host}:{platform.port}/"))
        assert platform.connections == 0
        assert caught.value.details == {"host": host.lower()}

    async def test_the_operator_is_told_how_to_allow_it(self, make: Make) -> None:
        names = Names(intranet_test=["10.0.0.1 127.0.0.1 192.168.0.1"])
        with pytest.raises(UpstreamError) as caught:
            await make(allow=[], resolver=names).send(Request("GET", "http://intranet.test/"))
        assert caught.value.message == (
            "intranet.test resolves to an address that may not be called (private or reserved); "
            "the operator can allow it with TOOLGATE_EGRESS_ALLOW"
        )
        assert names.asked == ["intranet.test"]

    async def test_an_allowed_address_beside_a_denied_one(self, serve: Serve, make: Make) -> None:
        outside = await serve(answer(200, b"outside"), host="127.0.0.2")
        inside = await serve(answer(200, b"inside"), port=outside.port)
        client = make(allow=["127.0.0.2/32"], resolver=Names(mixed_test=["127.0.0.1 127.0.0.2"]))
        response = await client.send(Request("GET", f"http://mixed.test:{outside.port}/"))
        assert response.body == b"outside"
        assert inside.connections == 0

    async def test_rebinding(self, serve: Serve, make: Make) -> None:
        """A name that means the outside and the inside in turn: the address that is checked is the one dialled."""
        outside = await serve(answer(200, b"outside", Connection="close"), host="127.0.0.2")
        inside = await serve(answer(200, b"inside", Connection="close"), port=outside.port)
        names = Names(turning_test=["127.0.0.2", "127.0.0.1"] * 4 + ["unused"])
        client = make(allow=["127.0.0.2/32"], resolver=names, dns_seconds=0)
        seen: list[object] = []
        for _ in range(8):
            # Lets the clock of the name cache go on.
            await asyncio.sleep(0.001)
            try:
                seen.append((await client.send(Request("GET", f"http://turning.test:{outside.port}/"))).body)
            except UpstreamError as error:
                seen.append(error.code)
        assert seen == [b"outside", "UPSTREAM_ERROR"] * 4
        assert len(names.asked) == 8
        assert inside.connections == 0


@pytest.fixture(scope="module")
def certificate(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A self-signed certificate for platform.test and 127.0.0.1, with its key, in one file."""
    key = ec.generate_private_key(ec.SECP256R1())
    name = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, "platform.test")])
    now = datetime.datetime.now(datetime.UTC)
    alternatives = [x509.DNSName("platform.test"), x509.IPAddress(ipaddress.ip_address("127.0.0.1"))]
    certificate = (
        x509.CertificateBuilder()
        .subject_name(name)
        .issuer_name(name)
        .public_key(key.public_key())
        .serial_number(1)
        .not_valid_before(now - datetime.timedelta(days=1))
        .not_valid_after(now + datetime.timedelta(days=1))
        .add_extension(x509.SubjectAlternativeName(alternatives), critical=False)
        .sign(key, hashes.SHA256())
    )
    path = tmp_path_factory.mktemp("tls") / "platform.pem"
    encoding, plain = serialization.Encoding.PEM, serialization.NoEncryption()
    private = key.private_bytes(encoding, serialization.PrivateFormat.PKCS8, plain)
    path.write_bytes(certificate.public_bytes(encoding) + private)
    return path


@pytest.fixture
def tls(certificate: Path) -> ssl.SSLContext:
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(certificate)
    return context


class TestTls:
    async def test_a_self_signed_certificate_is_refused(
        self, serve: Serve, tls: ssl.SSLContext, caplog: pytest.LogCaptureFixture
    ) -> None:
        complaints: list[object] = []
        asyncio.get_running_loop().set_exception_handler(lambda _, context: complaints.append(context))
        platform = await serve(answer(), tls=tls)
        # With the default context, as in earnest.
        client = OutboundClient(Guard(["127.0.0.0/8"]))
        with caplog.at_level(logging.DEBUG):
            error = await failure(client, secret_request(platform.url))
            await client.close()
            await asyncio.sleep(0.02)
        assert isinstance(error, UpstreamError)
        assert error.message == "The TLS certificate of 127.0.0.1 cannot be verified: self-signed certificate"
        assert platform.received == []
        assert complaints == []
        assert [record for record in caplog.records if record.levelno >= logging.WARNING] == []

    async def test_a_trusted_certificate_with_its_name(
        self, serve: Serve, make: Make, tls: ssl.SSLContext, certificate: Path
    ) -> None:
        platform = await serve(answer(200, b"sealed"), tls=tls)
        names = Names(platform_test=["127.0.0.1"], other_test=["127.0.0.1"])
        client = make(ssl_context=ssl.create_default_context(cafile=str(certificate)), resolver=names)
        response = await client.send(Request("GET", f"https://platform.test:{platform.port}/"))
        assert response.body == b"sealed"
        error = await failure(client, secret_request(f"https://other.test:{platform.port}"))
        assert error.message.startswith("The TLS certificate of other.test cannot be verified: Hostname mismatch")

    async def test_a_server_without_tls(self, make: Make) -> None:
        async def greet(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
            writer.write(answer(400))
            await reader.read()
            writer.close()

        server = await asyncio.start_server(greet, "127.0.0.1", 0)
        error = await failure(make(), secret_request(f"https://127.0.0.1:{server.sockets[0].getsockname()[1]}"))
        server.close()
        assert isinstance(error, UpstreamError)
        assert error.message == "No TLS connection to 127.0.0.1 could be made"

    async def test_a_handshake_that_hangs(self, serve: Serve, make: Make) -> None:
        platform = await serve(answer())
        client = make(connect_timeout=0.1, retries=0)
        error = await failure(client, secret_request(platform.url.replace("http", "https"), timeout=5))
        assert isinstance(error, UpstreamTimeout)
        assert error.message == "127.0.0.1 could not be reached: no connection in time"

    async def test_a_credential_does_not_follow_from_https_to_http(
        self, serve: Serve, make: Make, tls: ssl.SSLContext, certificate: Path
    ) -> None:
        plain = await serve(answer(200, b"plain"))
        sealed = await serve(lambda _: answer(302, Location=plain.url + "/onward"), tls=tls)
        client = make(ssl_context=ssl.create_default_context(cafile=str(certificate)))
        for request in (
            Request("GET", sealed.url, {"Authorization": SECRET}),
            Request("GET", sealed.url, {"X-Key": SECRET}, credential_headers=frozenset({"x-key"})),
            Request("GET", f"{sealed.url}/?key={SECRET}", credential_query=frozenset({"key"})),
        ):
            error = await failure(client, request)
            assert "from https to http" in error.message
        assert plain.connections == 0
        assert (await client.send(Request("GET", sealed.url))).body == b"plain"
