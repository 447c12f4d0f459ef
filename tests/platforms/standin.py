"""A platform that stands in for the real one: a small server on loopback, with TLS, that judges what it is sent.

The names of the real platforms lead here, so that scheme, host and base path are judged too.
"""

import asyncio
import json
import socket
import ssl
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any
from urllib.parse import parse_qsl

import uvicorn
from aiohttp.abc import AbstractResolver, ResolveResult
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec

from .facts import Expected, Platform, Row
from .files import File, read_parts
from .graphql import Broken, Judge, read_request

_WRONG = 418


class Standin:
    """Plays one platform and one row of its facts at a time; `faults` says what was wrong with the last request."""

    def __init__(self) -> None:
        self.platform: Platform | None = None
        self.row: Row | None = None
        self.requests: list[str] = []
        self.faults: list[str] = []

    def play(self, platform: Platform, row: Row) -> None:
        self.platform, self.row = platform, row
        self.requests, self.faults = [], []

    async def __call__(self, scope: dict[str, Any], receive: Any, send: Any) -> None:
        body = b""
        more = True
        while more:
            message = await receive()
            body += message.get("body", b"")
            more = message.get("more_body", False)
        assert self.platform is not None
        assert self.row is not None
        path = scope["raw_path"].decode()
        self.requests.append(f"{scope['method']} {path}")
        headers = [(name.decode(), value.decode()) for name, value in scope["headers"]]
        text = scope["query_string"].decode()
        query = parse_qsl(text, keep_blank_values=True, strict_parsing=True) if text else []
        if not _is_known(self.platform, headers, query):
            status, answer = self.platform.refusal
        else:
            query = [pair for pair in query if pair not in self.platform.credential_query]
            self.faults = [
                *_judge_headers(self.platform, self.row.expected, dict(headers), body),
                *_judge_line(self.row.expected, scope["method"], path, query),
                *_judge_body(self.platform, self.row.expected, dict(headers), body),
            ]
            status, answer = (_WRONG, {"faults": self.faults}) if self.faults else (self.row.status, self.row.answer)
        content, kind = _written(answer)
        await send({"type": "http.response.start", "status": status, "headers": kind})
        await send({"type": "http.response.body", "body": content})


def _written(answer: Any) -> tuple[bytes, list[tuple[bytes, bytes]]]:
    """An answer's bytes and headers."""
    if answer is ...:
        return b"", []
    if isinstance(answer, File):
        return answer.content, [(b"content-type", answer.content_type.encode())]
    return json.dumps(answer).encode(), [(b"content-type", b"application/json; charset=utf-8")]


def _is_known(platform: Platform, headers: list[tuple[str, str]], query: list[tuple[str, str]]) -> bool:
    """Whether the credential stands where it must, once."""
    if platform.credential is not None:
        name, value = platform.credential
        return [each for header, each in headers if header == name] == [value]
    names = {name for name, _ in platform.credential_query}
    return sorted(pair for pair in query if pair[0] in names) == sorted(platform.credential_query)


def _judge_headers(platform: Platform, expected: Expected, headers: dict[str, str], body: bytes) -> list[str]:
    faults = [
        f"header {name} is {headers.get(name)!r} and not {value!r}"
        for name, value in {
            "host": expected.host or platform.host,
            **platform.headers,
            **expected.headers,
        }.items()
        if headers.get(name) != value
    ]
    if not headers.get("user-agent"):
        faults.append("there is no user agent")
    media_type = headers.get("content-type", "").partition(";")[0]
    if media_type != (expected.content_type if body else ""):
        faults.append(f"the content type is {media_type!r} with a body of {len(body)} bytes")
    return faults


def _judge_line(expected: Expected, method: str, path: str, query: list[tuple[str, str]]) -> list[str]:
    faults = []
    if method != expected.method:
        faults.append(f"the method is {method} and not {expected.method}")
    if path not in expected.paths:
        faults.append(f"the path is {path} and not {' or '.join(expected.paths)}")
    pairs = sorted(query)
    if pairs != list(expected.query):
        faults.append(f"the query is {pairs} and not {list(expected.query)}")
    return faults


def _judge_body(platform: Platform, expected: Expected, headers: dict[str, str], body: bytes) -> list[str]:
    if expected.graphql is not None:
        return _judge_graphql(platform, expected.graphql, json.loads(body or b"null"))
    if expected.form is not None:
        pairs = sorted(parse_qsl(body.decode(), keep_blank_values=True, strict_parsing=True)) if body else []
        return [] if pairs == list(expected.form) else [f"the form is {pairs} and not {list(expected.form)}"]
    if expected.content is not None:
        return [] if body == expected.content else [f"the body is {body!r} and not {expected.content!r}"]
    if expected.parts is not None:
        found = read_parts(headers.get("content-type", ""), body, expected.parts)
        return [] if found == list(expected.parts) else [f"the parts are {found} and not {list(expected.parts)}"]
    if expected.body is ...:
        return [f"there is a body: {body!r}"] if body else []
    found = json.loads(body or b"null")
    return [] if found == expected.body else [f"the body is {found} and not {expected.body}"]


def _judge_graphql(platform: Platform, expected: dict[str, Any], body: Any) -> list[str]:
    if not isinstance(body, dict) or not {"query"} <= body.keys() <= {"query", "variables", "operationName"}:
        return [f"the body is no GraphQL request: {body}"]
    try:
        operation = read_request(body["query"])
        judge = Judge(platform.schema, operation, body.get("variables") or {})
        root, arguments = judge.resolve()
    except Broken as broken:
        return [f"the GraphQL request is broken: {broken}"]
    found = {"operation": operation.kind, "field": root, "arguments": arguments, "nested": judge.nested}
    wanted = {"arguments": {}, "nested": {}, **expected}
    return [] if found == wanted else [f"the GraphQL request is {found} and not {wanted}"]


class AllHere(AbstractResolver):
    """Every name leads to one port of this machine."""

    def __init__(self, port: int) -> None:
        self._port = port

    async def resolve(
        self, host: str, port: int = 0, family: socket.AddressFamily = socket.AF_INET
    ) -> list[ResolveResult]:
        flags = socket.AI_NUMERICHOST
        return [
            ResolveResult(hostname=host, host="127.0.0.1", port=self._port, family=socket.AF_INET, proto=0, flags=flags)
        ]

    async def close(self) -> None:
        pass


@asynccontextmanager
async def serving(standin: Standin, hosts: list[str], folder: Path) -> AsyncIterator[tuple[int, ssl.SSLContext]]:
    """Serve on a free port under the names `hosts`; yields the port and a TLS context that trusts the server."""
    authority, certificate = _certify(hosts, folder)
    config = uvicorn.Config(
        standin,
        port=0,
        lifespan="off",
        log_level="error",
        access_log=False,
        ws="none",
        timeout_graceful_shutdown=1,
        ssl_certfile=str(certificate),
        ssl_keyfile=str(certificate),
    )
    server = uvicorn.Server(config)
    # With its protocol named: only then does asyncio send each piece at once, and not 40 ms later (TCP_NODELAY).
    listener = socket.socket(socket.AF_INET, socket.SOCK_STREAM, socket.IPPROTO_TCP)
    listener.bind(("127.0.0.1", 0))
    listener.listen(128)
    task = asyncio.create_task(server.serve(sockets=[listener]))
    try:
        # Connections wait in the listener until the server is there to take them.
        yield listener.getsockname()[1], ssl.create_default_context(cadata=authority)
    finally:
        server.should_exit = True
        await task


def _certify(hosts: list[str], folder: Path) -> tuple[str, Path]:
    """A certificate for the hosts (with its key, in one file) and the authority that made it."""
    key, own_key = ec.generate_private_key(ec.SECP256R1()), ec.generate_private_key(ec.SECP256R1())
    name = x509.Name([x509.NameAttribute(x509.NameOID.COMMON_NAME, "Stand-in")])
    authority = (
        _draft(name, name, key)
        .add_extension(x509.BasicConstraints(ca=True, path_length=0), critical=True)
        .add_extension(_usage(signs_certificates=True), critical=True)
        .add_extension(x509.SubjectKeyIdentifier.from_public_key(key.public_key()), critical=False)
        .sign(key, hashes.SHA256())
    )
    leaf = (
        _draft(x509.Name([x509.NameAttribute(x509.NameOID.COMMON_NAME, "Platforms")]), name, own_key)
        .add_extension(x509.BasicConstraints(ca=False, path_length=None), critical=True)
        .add_extension(_usage(signs_certificates=False), critical=True)
        .add_extension(x509.ExtendedKeyUsage([x509.oid.ExtendedKeyUsageOID.SERVER_AUTH]), critical=False)
        .add_extension(x509.SubjectAlternativeName([x509.DNSName(host) for host in hosts]), critical=False)
        .add_extension(x509.AuthorityKeyIdentifier.from_issuer_public_key(key.public_key()), critical=False)
        .sign(key, hashes.SHA256())
    )
    pem = serialization.Encoding.PEM
    file = folder / "standin.pem"
    file.write_bytes(
        own_key.private_bytes(pem, serialization.PrivateFormat.PKCS8, serialization.NoEncryption())
        + leaf.public_bytes(pem)
    )
    return authority.public_bytes(pem).decode(), file


def _draft(subject: x509.Name, issuer: x509.Name, key: ec.EllipticCurvePrivateKey) -> x509.CertificateBuilder:
    now = datetime.now(UTC)
    return (
        x509.CertificateBuilder()
        .subject_name(subject)
        .issuer_name(issuer)
        .public_key(key.public_key())
        .serial_number(x509.random_serial_number())
        .not_valid_before(now - timedelta(hours=1))
        .not_valid_after(now + timedelta(days=1))
    )


def _usage(*, signs_certificates: bool) -> x509.KeyUsage:
    return x509.KeyUsage(
        digital_signature=not signs_certificates,
        key_cert_sign=signs_certificates,
        crl_sign=signs_certificates,
        content_commitment=False,
        key_encipherment=False,
        data_encipherment=False,
        key_agreement=False,
        encipher_only=False,
        decipher_only=False,
    )
