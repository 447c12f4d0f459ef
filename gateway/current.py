"""Which request is being answered, for whoever writes about it (a log line, an audit row), and how long that holds."""

from collections.abc import Iterator
from contextlib import contextmanager
from contextvars import ContextVar

# Its id; `-` where no request is the cause. Kept by the task that answers the request, inherited by the tasks and the
# threads that it starts through asyncio, and by its write jobs (storage.writer).
request_id: ContextVar[bytes] = ContextVar("request_id", default=b"-")


def request_id_text() -> str | None:
    """The id of the present request; None where there is none."""
    found = request_id.get()
    return None if found == b"-" else found.decode("ascii")


# Of an answer that will be kept: when what it says ends, in epoch seconds, for each thing in it that does. A list, so
# that the tasks that a request starts write into the same one; None: the answer is not kept.
_ends: ContextVar[list[int] | None] = ContextVar("ends", default=None)


@contextmanager
def noting_ends() -> Iterator[list[int]]:
    """While an answer is made that will be kept: the list of what `ends_at` is told meanwhile."""
    noted: list[int] = []
    token = _ends.set(noted)
    try:
        yield noted
    finally:
        _ends.reset(token)


def ends_at(moment: int) -> None:
    """Say that something in the present answer is worth nothing from this moment on, in epoch seconds."""
    noted = _ends.get()
    if noted is not None:
        noted.append(moment)
