"""One kept connection to the running service, and answers that can be compared."""

import http.client
import json
import re
import time
from dataclasses import dataclass
from typing import Any
from urllib.parse import quote, urlsplit

# What differs from answer to answer, whoever asks for what.
_OWN = {"date", "x-request-id"}
# The service ends a connection that is silent for 5 s, as other tests of the same process may make this one. Seconds.
_LONGEST_SILENCE = 1.0
_EXECUTION = re.compile(r'(?<=executionId\\":\\")[0-9a-f]{24}')
_MOMENT = re.compile(r"\d{4}-\d\d-\d\dT[\d:.]+Z")


@dataclass(frozen=True, slots=True)
class Answer:
    status: int
    headers: tuple[tuple[str, str], ...]
    text: str

    @property
    def whole(self) -> str:
        """Everything in which something could stand that is nobody's to read."""
        return "\n".join([*(f"{name}: {value}" for name, value in self.headers), self.text])

    def json(self) -> Any:
        return json.loads(self.text)

    def without(self, asked: list[str]) -> tuple[int, str]:
        """The answer with what was asked for blotted out: the same for two things that are told apart by nothing."""
        shown = "\n".join([*(f"{name}: {value}" for name, value in self.headers if name not in _OWN), self.text])
        for given in sorted(asked, key=len, reverse=True):
            shown = shown.replace(quote(given, safe=""), "ASKED").replace(given, "ASKED")
        return self.status, _MOMENT.sub("MOMENT", shown)


def settled(value: Any) -> str:
    """A JSON value as text in which what differs from moment to moment is the same."""
    return _EXECUTION.sub("EXECUTION", _MOMENT.sub("MOMENT", json.dumps(value)))


class Wire:
    """http.client costs a third of what the clients with more comfort do; there are thousands of requests to send."""

    def __init__(self, url: str) -> None:
        parts = urlsplit(url)
        assert parts.hostname
        self._connection = http.client.HTTPConnection(parts.hostname, parts.port, timeout=60)
        self._answered = time.monotonic()
        self.sent = 0

    def ask(self, method: str, path: str, headers: dict[str, str], body: Any = None) -> Answer:
        encoded = None if body is None else json.dumps(body).encode()
        typed = {} if body is None else {"Content-Type": "application/json"}
        if time.monotonic() - self._answered > _LONGEST_SILENCE:
            self._connection.close()  # the next request opens another
        self._connection.request(method, path, encoded, {**typed, **headers})
        answer = self._connection.getresponse()
        text = (
            self._event(answer) if answer.getheader("content-type") == "text/event-stream" else answer.read().decode()
        )
        self._answered = time.monotonic()
        self.sent += 1
        return Answer(answer.status, tuple((name.lower(), value) for name, value in answer.getheaders()), text)

    def _event(self, answer: http.client.HTTPResponse) -> str:
        """The first event of a stream, which then is nobody's any more."""
        lines = []
        while line := answer.readline().strip():
            lines.append(line.decode())
        self._connection.close()
        return "\n".join(lines)

    def made(self, method: str, path: str, headers: dict[str, str], body: Any = None) -> Any:
        answer = self.ask(method, path, headers, body)
        assert answer.status in (200, 201), f"{method} {path}: {answer.status} {answer.text}"
        return answer.json()

    def close(self) -> None:
        self._connection.close()
