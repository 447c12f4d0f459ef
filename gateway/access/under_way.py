"""How many actions may be under way at once, by MCP server and by account, in this process."""

from collections import Counter
from types import TracebackType

from gateway.errors import RateLimited

# Most actions take less: whoever comes again after it will find room.
_COME_AGAIN = 1


class UnderWay:
    """Counts the actions that are executed now. 0 switches a cap off.

    Who comes too many is refused at once: those who wait are in nobody's way in gateway.outbound, where calls to
    platforms take turns, but each of them holds a request, of which the service has only so many for all accounts.
    """

    def __init__(self, per_server: int, per_account: int) -> None:
        self._per_server = per_server
        self._per_account = per_account
        self._of_server: Counter[str] = Counter()
        self._of_account: Counter[str] = Counter()

    def one_more(self, account_id: str, server_id: str | None) -> "_One":
        """Enter what this returns while an action is executed. Raises RateLimited where a cap is reached."""
        if server_id is not None and 0 < self._per_server <= self._of_server[server_id]:
            raise _too_many("server", self._per_server)
        if 0 < self._per_account <= self._of_account[account_id]:
            raise _too_many("account", self._per_account)
        return _One(self, account_id, server_id)

    def enter(self, account_id: str, server_id: str | None) -> None:
        self._of_account[account_id] += 1
        if server_id is not None:
            self._of_server[server_id] += 1

    def leave(self, account_id: str, server_id: str | None) -> None:
        _less(self._of_account, account_id)
        if server_id is not None:
            _less(self._of_server, server_id)


class _One:
    __slots__ = ("_account_id", "_all", "_server_id")

    def __init__(self, under_way: UnderWay, account_id: str, server_id: str | None) -> None:
        self._all = under_way
        self._account_id = account_id
        self._server_id = server_id

    def __enter__(self) -> None:
        self._all.enter(self._account_id, self._server_id)

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, where: TracebackType | None
    ) -> None:
        self._all.leave(self._account_id, self._server_id)


def _less(counter: Counter[str], key: str) -> None:
    counter[key] -= 1
    if not counter[key]:
        del counter[key]


def _too_many(of: str, most: int) -> RateLimited:
    message = f"This {of} has {most} actions under way, which is the most at once"
    return RateLimited(_COME_AGAIN, message, details={"rule": "concurrency", "of": of, "most": most})
