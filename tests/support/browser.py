"""A real headless Chromium, spoken to by the DevTools protocol over two pipes: no driver, no port, no library."""

import contextlib
import fcntl
import json
import os
import select
import shutil
import subprocess
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

PROGRAM = next(
    (path for name in ("chromium", "chromium-browser", "google-chrome") if (path := shutil.which(name))), None
)
NEEDED = "needs Chromium on the PATH (chromium, chromium-browser or google-chrome)"
_SECONDS = 30


class Browser:
    """One tab. `events` are the notifications of the protocol so far, as `{"method", "params"}`."""

    def __init__(self, reads: int, writes: int) -> None:
        self._reads, self._writes = reads, writes
        self._received = b""
        self._number = 0
        self._session: str | None = None
        self.events: list[dict[str, Any]] = []
        target = self.call("Target.createTarget", url="about:blank")["targetId"]
        self._session = self.call("Target.attachToTarget", targetId=target, flatten=True)["sessionId"]
        for domain in ("Log", "Network", "Page", "Runtime"):
            self.call(f"{domain}.enable")

    def call(self, method: str, **params: Any) -> Any:
        """The result of one method of the protocol. Raises TimeoutError, or AssertionError with what is wrong."""
        self._number += 1
        message = {"id": self._number, "method": method, "params": params}
        if self._session is not None:
            message["sessionId"] = self._session
        os.write(self._writes, json.dumps(message).encode() + b"\0")
        while True:
            answer = self._next()
            if answer.get("id") == self._number:
                assert "error" not in answer, answer["error"]
                return answer["result"]
            self.events.append(answer)

    def evaluate(self, script: str) -> Any:
        """The value of a JavaScript expression in the page."""
        return self.call("Runtime.evaluate", expression=script)["result"].get("value")

    def wait_for(self, script: str) -> Any:
        """The expression's value once it is true. Raises TimeoutError."""
        end = time.monotonic() + _SECONDS
        while time.monotonic() < end:
            if value := self.evaluate(script):
                return value
            time.sleep(0.1)
        raise TimeoutError(f"it never became true: {script}")

    def said(self, method: str) -> list[dict[str, Any]]:
        return [event["params"] for event in self.events if event.get("method") == method]

    def _next(self) -> dict[str, Any]:
        while b"\0" not in self._received:
            if not select.select([self._reads], [], [], _SECONDS)[0]:
                raise TimeoutError("the browser says nothing")
            piece = os.read(self._reads, 65536)
            if not piece:
                raise AssertionError("the browser has ended")
            self._received += piece
        message, _, self._received = self._received.partition(b"\0")
        found: dict[str, Any] = json.loads(message)
        return found


@contextlib.contextmanager
def browsing(folder: Path) -> Iterator[Browser]:
    """A browser that reaches nothing but this machine, with its profile in `folder`."""
    assert PROGRAM is not None, NEEDED
    to_read, to_write, from_read, from_write = (_raised(end) for end in (*os.pipe(), *os.pipe()))

    def place() -> None:
        os.dup2(to_read, 3)
        os.dup2(from_write, 4)

    process = subprocess.Popen(
        [
            PROGRAM,
            "--headless",
            "--no-sandbox",
            "--disable-gpu",
            "--no-first-run",
            "--remote-debugging-pipe",
            "--host-resolver-rules=MAP * ~NOTFOUND, EXCLUDE 127.0.0.1",
            f"--user-data-dir={folder}",
        ],
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
        preexec_fn=place,
        pass_fds=(3, 4),
    )
    os.close(to_read)
    os.close(from_write)
    try:
        yield Browser(from_read, to_write)
    finally:
        process.kill()
        process.wait()
        os.close(to_write)
        os.close(from_read)


def _raised(descriptor: int) -> int:
    """The same pipe, above the descriptors 3 and 4 by which Chromium reads and writes: nothing is overwritten."""
    higher = fcntl.fcntl(descriptor, fcntl.F_DUPFD_CLOEXEC, 10)
    os.close(descriptor)
    return higher
