"""The connections that are kept for the next call, and what a platform may send on them beside its answers."""

import functools
from collections.abc import Coroutine
from typing import TYPE_CHECKING, Any

import aiohttp
from aiohttp.client_proto import ResponseHandler
from aiohttp.connector import Connection
from aiohttp.http_parser import RawResponseMessage
from aiohttp.streams import StreamReader

if TYPE_CHECKING:
    from aiohttp.client_reqrep import ConnectionKey
    from aiohttp.tracing import Trace

# Answers before the answer (RFC 9110, section 15.2). Most platforms send none, and some one or two.
MOST_INTERIM = 16
# Of what comes beside a body (chunk sizes, their extensions, line breaks): so much, and as much as the body beside it.
MOST_AROUND = 512 * 1024


class Wasteful(aiohttp.ClientError):
    """The platform sent too much that is no answer."""


class _Answers(ResponseHandler):
    """A connection that ends where a platform keeps us busy with what is no answer.

    aiohttp passes interim answers over without counting them, keeps what comes on an idle connection, and counts no
    bytes but those of bodies. To read any of these costs the time that all calls share.
    """

    def __init__(self, **options: Any) -> None:
        super().__init__(**options)
        self._interim = 0
        self._received = 0

    def data_received(self, data: bytes) -> None:
        """Takes bytes in."""
        super().data_received(data)
        self._received += len(data)
        body = 0 if self._payload is None else self._payload.total_bytes
        if self._received > MOST_AROUND + 2 * body:
            self._give_up()

    def feed_data(self, data: tuple[RawResponseMessage, StreamReader], size: int = 0) -> None:
        """Takes one answer in."""
        message = data[0]
        if 100 <= message.code < 200 and message.code != 101:
            # Nothing in them is wanted: we send no Expect.
            self._interim += 1
            if self._interim > MOST_INTERIM:
                self._give_up()
        elif len(self):
            # An answer too many, behind one that nobody has read yet.
            self._give_up()
        else:
            self._interim = self._received = 0
            super().feed_data(data, size)

    def _give_up(self) -> None:
        if self.transport is None:
            return
        payload = self._payload
        self.abort()
        error = Wasteful()
        self.set_exception(error)
        if payload is not None and not payload.is_eof():
            payload.set_exception(error)


class Pool(aiohttp.TCPConnector):
    """Uses no connection again on which something came that nobody asked for.

    aiohttp looks for that when a connection is given back, and not when it is taken out: an answer too many that came
    in between would be the answer to the next call, which may be another user's.
    """

    def __init__(self, **options: Any) -> None:
        super().__init__(**options)
        self._factory = functools.partial(_Answers, loop=self._loop)  # type: ignore[assignment]  # a subclass does

    def _get(self, key: "ConnectionKey", traces: "list[Trace]") -> Coroutine[Any, Any, Connection | None]:
        # In the order in which aiohttp takes them; what is closed is passed over by it.
        for protocol, _ in self._conns.get(key, ()):
            if not protocol.should_close:
                break
            protocol.close()
        return super()._get(key, traces)
