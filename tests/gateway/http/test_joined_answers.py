"""The head of an answer goes out with the beginning of its body, and never without anything that follows."""

import asyncio
import socket
from typing import cast

import pytest

from gateway.http.joined import Joined
from support.service import Service


class Written:
    """A transport that keeps what it is given."""

    def __init__(self) -> None:
        self.pieces: list[bytes] = []
        self.closed = False

    def write(self, data: bytes) -> None:
        self.pieces.append(data)

    def close(self) -> None:
        self.closed = True

    def is_closing(self) -> bool:
        return self.closed


def joined() -> tuple[Joined, Written]:
    written = Written()
    return Joined(cast("asyncio.Transport", written)), written


def test_head_and_body_are_one_piece() -> None:
    transport, written = joined()
    transport.write(b"head ")
    assert written.pieces == []
    transport.write(b"body")
    assert written.pieces == [b"head body"]


def test_what_follows_in_a_stream_goes_out_at_once() -> None:
    transport, written = joined()
    for piece in (b"head ", b"1", b"2", b"3"):
        transport.write(piece)
    assert written.pieces == [b"head 1", b"2", b"3"]


def test_an_empty_piece_takes_the_head_along() -> None:
    transport, written = joined()
    transport.write(b"head")
    transport.write(b"")
    assert written.pieces == [b"head"]


def test_an_answer_that_breaks_off_still_says_its_head() -> None:
    transport, written = joined()
    transport.write(b"head")
    assert not transport.is_closing()
    transport.close()
    assert written.pieces == [b"head"]
    assert transport.is_closing()
    transport.close()
    assert written.pieces == [b"head"]


def _ask(service: Service, *pieces: bytes, until: bytes) -> bytes:
    """Send each piece after something has come for the one before; what came until `until` was in it, or the end."""
    received = b""
    with socket.create_connection(("127.0.0.1", service.port), timeout=10) as connection:
        for piece in pieces:
            connection.sendall(piece)
            received += connection.recv(65536)
        while until not in received and (piece := connection.recv(65536)):
            received += piece
    return received


HOST = b"Host: 127.0.0.1\r\n"


def test_pipelined_requests_are_answered_in_order(service: Service) -> None:
    asked = b"".join(
        b"GET /health/ready HTTP/1.1\r\n" + HOST + b"X-Request-Id: r%d\r\n\r\n" % number for number in range(5)
    )
    received = _ask(service, asked + b"GET /nowhere HTTP/1.1\r\n" + HOST + b"\r\n", until=b"NOT_FOUND")
    places = [received.index(b"x-request-id: r%d" % number) for number in range(5)]
    assert places == sorted(places)
    assert received.count(b"HTTP/1.1 200 OK") == 5


def test_a_head_is_answered_without_a_body(service: Service) -> None:
    asked = b"HEAD /health/ready HTTP/1.1\r\n" + HOST + b"Connection: close\r\n\r\n"
    head, _, body = _ask(service, asked, until=b"nothing more").partition(b"\r\n\r\n")
    assert head.startswith(b"HTTP/1.1 405 ")
    assert body == b""


def test_who_asks_whether_to_go_on_is_told_to(service: Service) -> None:
    body = b'{"name":"continued"}'
    head = (
        b"POST /api/servers HTTP/1.1\r\n" + HOST + b"Authorization: Bearer " + service.key.encode() + b"\r\n"
        b"Content-Type: application/json\r\nExpect: 100-continue\r\nContent-Length: %d\r\n\r\n" % len(body)
    )
    received = _ask(service, head, body, until=b"serverId")
    assert received.startswith(b"HTTP/1.1 100 Continue\r\n\r\n")
    assert b"HTTP/1.1 201 Created" in received


@pytest.mark.parametrize("version", [b"1.0", b"1.1"])
def test_old_and_new_http_get_the_whole_answer(service: Service, version: bytes) -> None:
    asked = b"GET /health/ready HTTP/" + version + b"\r\n" + HOST + b"Connection: close\r\n\r\n"
    received = _ask(service, asked, until=b"nothing more")
    head, _, body = received.partition(b"\r\n\r\n")
    assert b"content-length: %d" % len(body) in head
    assert body
