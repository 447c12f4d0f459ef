"""Clients that create servers all the time, whatever they are answered, and remember it."""

import threading
import time
from collections import Counter
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass

import httpx

from support.service import Service

LONG_RUN = 30.0


@dataclass(frozen=True, slots=True)
class Told:
    """One request and its answer: `begun` and `ended` by time.monotonic; status 0 where the connection broke."""

    name: str
    begun: float
    ended: float
    status: int
    code: str = ""
    message: str = ""
    retry_after: str = ""

    @property
    def seconds(self) -> float:
        return self.ended - self.begun


class Writers:
    def __init__(self) -> None:
        self.told: list[Told] = []
        self.reads: list[Told] = []

    def made(self) -> set[str]:
        return {told.name for told in self.told if told.status == 201}

    def between(self, begin: float, end: float) -> list[Told]:
        """The writes that were begun and ended in between."""
        return [told for told in self.told if begin <= told.begun and told.ended <= end]

    def statuses(self) -> Counter[int]:
        return Counter(told.status for told in self.told)


def ask(client: httpx.Client, name: str, method: str, path: str, body: object = None) -> Told:
    begun = time.monotonic()
    try:
        answer = client.request(method, path, json=body)
    except httpx.TransportError:
        return Told(name, begun, time.monotonic(), 0)
    error = answer.json().get("error", {}) if answer.status_code >= 400 else {}
    retry_after = answer.headers.get("retry-after", "")
    ended = time.monotonic()
    return Told(name, begun, ended, answer.status_code, error.get("code", ""), error.get("message", ""), retry_after)


@contextmanager
def writing(service: Service, writers: int = 4, pause: float = 0.01) -> Iterator[Writers]:
    """Some that write and one that reads, until the block ends."""
    done = threading.Event()
    kept = Writers()

    def write(number: int) -> None:
        with service.client() as client:
            count = 0
            while not done.wait(pause):
                count += 1
                name = f"s {number} {count}"
                kept.told.append(
                    ask(client, name, "POST", "/api/servers", {"name": name, "customInstructions": name * 99})
                )

    def read() -> None:
        with service.client() as client:
            while not done.wait(pause):
                kept.reads.append(ask(client, "", "GET", "/api/servers?limit=5"))

    threads = [threading.Thread(target=write, args=(number,)) for number in range(writers)]
    threads.append(threading.Thread(target=read))
    for thread in threads:
        thread.start()
    try:
        yield kept
    finally:
        done.set()
        for thread in threads:
            thread.join()


def names_there(service: Service) -> set[str]:
    with service.client() as client:
        listed, offset = set(), 0
        while True:
            page = client.get("/api/servers", params={"limit": 1000, "offset": offset}).json()
            listed |= {server["name"] for server in page["servers"]}
            offset += 1000
            if not page["hasMore"]:
                return listed
