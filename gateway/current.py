"""Which request is being answered, for whoever writes about it: a log line, an audit row."""

from contextvars import ContextVar

# Its id; `-` where no request is the cause. Kept by the task that answers the request, inherited by the tasks and the
# threads that it starts through asyncio, and by its write jobs (storage.writer).
request_id: ContextVar[bytes] = ContextVar("request_id", default=b"-")


def request_id_text() -> str | None:
    """The id of the present request; None where there is none."""
    found = request_id.get()
    return None if found == b"-" else found.decode("ascii")
