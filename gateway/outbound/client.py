"""The one HTTP client: everything that leaves the process goes through `OutboundClient.send`."""

import asyncio
import io
import socket
import ssl
import time
from collections.abc import Callable

import aiohttp
from aiohttp.abc import AbstractResolver
from multidict import istr
from yarl import URL

from gateway.errors import Unavailable, UpstreamError, UpstreamTimeout
from gateway.outbound.answers import MAX_FIELD_BYTES, MAX_FIELDS, refused, take_in
from gateway.outbound.breaker import Breaker
from gateway.outbound.deadline import Deadline
from gateway.outbound.failures import Failure, Lost, explain, held_back
from gateway.outbound.guard import Guard
from gateway.outbound.hops import LIMIT, Hop, Journey, next_hop
from gateway.outbound.lanes import Lane, Tenant, Tenants
from gateway.outbound.messages import Origin, Request, Response
from gateway.outbound.names import ASKING, Resolver
from gateway.outbound.pool import Pool
from gateway.outbound.retries import FAILING, pause
from gateway.outbound.room import Rooms
from gateway.outbound.slots import Share, Slots

__all__ = ["OutboundClient", "Request", "Response"]

# aiohttp calls an empty POST an octet stream, which some platforms answer with 415.
_NO_CONTENT_TYPE = (istr("Content-Type"),)
# How many accounts are remembered beyond those that have calls under way.
_TENANTS = 1024
# Longer bodies are handed over as a stream: aiohttp writes bytes in one piece, and warns.
_ONE_PIECE = 1024 * 1024


class OutboundClient:
    """One TLS context for the whole process; connections and a memory of hosts for each tenant.

    Every address that is about to be dialled, on each hop and for each name, passes the guard. Connections live in
    the event loop of the first `send`. Proxies of the environment are ignored, since they would resolve names on
    their own, and cookies are not kept.

    `max_concurrency` is how many calls are under way at once, half of that for one tenant. `max_calls` is how many a
    tenant may have in all, with those that wait, `per_host` how many of them are under way to one host, and `max_hosts`
    how many hosts are remembered of each. `connect_timeout`, `breaker_seconds`, `dns_seconds` (how long a name's
    addresses are kept) and `backoff` (the base of the pauses between tries) are in seconds; `clock` gives monotonic
    seconds. `resolver` and `ssl_context` default to the system's resolver and certificates.
    """

    def __init__(
        self,
        guard: Guard,
        *,
        ssl_context: ssl.SSLContext | None = None,
        resolver: AbstractResolver | None = None,
        max_concurrency: int = 512,
        max_calls: int = 512,
        per_host: int = 64,
        connect_timeout: float = 10.0,
        retries: int = 2,
        backoff: float = 0.2,
        breaker_failures: int = 10,
        breaker_seconds: float = 15.0,
        max_hosts: int = 256,
        dns_seconds: int = 10,
        user_agent: str = "toolgate",
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        self._guard = guard
        # 30 to 40 ms of CPU: here, at start, and not in the first call.
        self._ssl = ssl_context or ssl.create_default_context()
        self._resolver = resolver
        self._dns_seconds = dns_seconds
        self._slots = Slots(max_concurrency)
        self._max_calls = max_calls
        self._connect_timeout = connect_timeout
        self._retries = retries
        self._backoff = backoff
        self._headers = {"User-Agent": user_agent, "Accept-Encoding": "identity"}
        self._rooms = Rooms()
        self._closing: set[asyncio.Task[None]] = set()
        self._under_way: set[Deadline] = set()
        self._closed = False

        def lane(origin: Origin, share: Share) -> Lane:
            return Lane(Breaker(origin.host, breaker_failures, breaker_seconds, clock), share, per_host)

        self._tenants = Tenants(lambda: Tenant(lane, max_hosts, self._rooms), _TENANTS, self._left)

    async def send(self, request: Request) -> Response:
        """The platform's answer, whatever its status.

        Raises InvalidRequest (the method, the URL or a header cannot be sent), UpstreamTimeout (no whole answer within
        `request.timeout`), Unavailable (the host is held back after many failures, the tenant has too many calls
        already, no slot was free in time, or the client is closed) and UpstreamError (anything else: not reached, not
        allowed, too large, broken).
        """
        tenant = self._tenants.of(request.tenant)
        journey = Journey(request, tenant)
        if tenant.calls >= self._max_calls:
            raise _crowded()
        deadline = Deadline(request.timeout)
        self._under_way.add(deadline)
        tenant.calls += 1
        try:
            with deadline:
                return await self._travel(journey, deadline)
        except TimeoutError:
            pass
        finally:
            tenant.calls -= 1
            self._under_way.discard(deadline)
        # Raised out here, so that no exception with a URL in it stands in the context.
        if self._closed:
            raise _stopping()
        host = journey.hop.origin.host
        if journey.queued:
            raise Unavailable(f"Too many calls to {host} are under way", details={"host": host})
        message = f"{host} did not answer within {round(request.timeout, 2):g} seconds"
        raise UpstreamTimeout(message, details={"host": host})

    async def close(self) -> None:
        """Close all connections. Calls that are under way, and later ones, raise Unavailable."""
        self._closed = True
        # aiohttp would leave those that read a body waiting.
        for deadline in self._under_way:
            deadline.end()
        for tenant in self._tenants:
            self._left(tenant)
        await asyncio.gather(*self._closing)
        if isinstance(self._resolver, Resolver):
            await self._resolver.close()

    def _left(self, tenant: Tenant) -> None:
        """Close the connections of a tenant that has no calls under way."""
        if tenant.session is not None:
            task = asyncio.ensure_future(tenant.session.close())
            self._closing.add(task)
            task.add_done_callback(self._closing.discard)
            tenant.session = None

    async def _travel(self, journey: Journey, deadline: Deadline) -> Response:
        """The request through its retries and redirects."""
        request = journey.request
        retry = redirects = 0
        while True:
            outcome = await self._attempt(journey)
            if isinstance(outcome, Response):
                if outcome.status < 300:
                    return outcome
                if onward := next_hop(request, journey.hop, outcome):
                    redirects += 1
                    if redirects > LIMIT:
                        raise refused(journey.hop.origin.host, f"redirects more than {LIMIT} times")
                    journey.hop = onward
                    continue
            wait = pause(request, outcome, retry, self._backoff) if retry < self._retries else None
            if wait is None or self._in_vain(journey, deadline, wait):
                if isinstance(outcome, Response):
                    return outcome
                raise outcome.error
            retry += 1
            await asyncio.sleep(wait)

    def _in_vain(self, journey: Journey, deadline: Deadline, wait: float) -> bool:
        # The time is over by then, or the host is held back: what is known now is the better answer.
        return wait >= deadline.left() or journey.tenant.lane(journey.hop.origin).breaker.held_back() > 0

    async def _attempt(self, journey: Journey) -> Response | Failure:
        """One exchange with the host of this hop, as soon as there is a slot, unless the host is held back."""
        hop = journey.hop
        host = hop.origin.host
        lane = journey.tenant.lane(hop.origin)
        breaker = lane.breaker
        if wait := breaker.held_back():
            return held_back(host, wait)
        if not self._slots.take_now(lane):
            journey.queued = True
            await self._slots.take(lane)
            journey.queued = False
        try:
            # Once more: the host may have failed while this call was waiting.
            if wait := breaker.admit():
                return held_back(host, wait)
            ASKING.set(journey.tenant)
            return await self._exchange(journey.tenant, journey.request, hop, breaker)
        finally:
            self._slots.give(lane)

    async def _exchange(self, tenant: Tenant, request: Request, hop: Hop, breaker: Breaker) -> Response | Failure:
        """One request and its answer; what they say about the host goes to its breaker."""
        try:
            response = await self._converse(tenant, request, hop)
        except UpstreamError:
            breaker.succeeded()
            raise
        except (aiohttp.ClientError, ValueError) as error:
            failure = explain(error, hop.origin.host)
        else:
            if response.status in FAILING:
                breaker.failed()
            else:
                breaker.succeeded()
            return response
        if failure.counts:
            breaker.failed()
        return failure

    async def _converse(self, tenant: Tenant, request: Request, hop: Hop) -> Response:
        if self._closed:
            raise _stopping()
        session = tenant.session or self._open(tenant)
        body = hop.body
        answer = await session.request(
            request.method,
            # Already encoded: nothing is decoded, folded or quoted again.
            URL(hop.url, encoded=True),
            headers=hop.headers,
            data=io.BytesIO(body) if body is not None and len(body) > _ONE_PIECE else body,
            skip_auto_headers=_NO_CONTENT_TYPE if body is None else None,
            allow_redirects=False,
        )
        try:
            return await take_in(answer, request, hop.url, hop.origin.host, tenant.room)
        except BaseException:
            # Also when the caller goes away: what was not read to its end is no use to another call.
            answer.close()
            raise

    def _open(self, tenant: Tenant) -> aiohttp.ClientSession:
        if self._resolver is None:
            self._resolver = Resolver()
        connector = Pool(
            ssl=self._ssl,
            resolver=self._resolver,
            socket_factory=self._socket,
            # The slots are the limit; one of aiohttp's own would let a tenant wait for another's calls.
            limit=0,
            ttl_dns_cache=self._dns_seconds,
        )
        tenant.session = aiohttp.ClientSession(
            connector=connector,
            headers=self._headers,
            cookie_jar=aiohttp.DummyCookieJar(),
            timeout=aiohttp.ClientTimeout(total=None, connect=self._connect_timeout),
            middlewares=(_once,),
            trust_env=False,
            auto_decompress=False,
            max_line_size=MAX_FIELD_BYTES,
            max_field_size=MAX_FIELD_BYTES,
            max_headers=MAX_FIELDS,
        )
        return tenant.session

    def _socket(self, address: aiohttp.AddrInfoType) -> socket.socket:
        """Called with each socket address that is about to be dialled: the only place that no name can get around."""
        family, kind, protocol, _, target = address
        self._guard.check(str(target[0]))
        made = socket.socket(family, kind, protocol)
        made.setblocking(False)
        return made


async def _once(request: aiohttp.ClientRequest, handler: aiohttp.ClientHandlerType) -> aiohttp.ClientResponse:
    """Keep aiohttp from sending a request again on its own when its connection broke: that is for `retries` to say."""
    try:
        return await handler(request)
    except (aiohttp.ClientConnectorError, aiohttp.ConnectionTimeoutError):
        raise
    except (aiohttp.ClientOSError, aiohttp.ServerDisconnectedError):
        raise Lost from None


def _crowded() -> Unavailable:
    return Unavailable("Too many calls of this account are under way: try again later", details={"retryAfter": 1})


def _stopping() -> Unavailable:
    return Unavailable("No more calls are made: the service is stopping")
