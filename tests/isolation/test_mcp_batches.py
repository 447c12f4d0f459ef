"""Isolation in batches, which revision 2025-03-26 has: whoever is not let in is refused whole, and each message of the
others is answered as it is alone, whatever the others in the batch are about.
"""

from collections.abc import Iterator
from itertools import chain

import pytest

from support.isolation.callers import callers, nobody
from support.isolation.entrances import Entrance, by_token, insiders, insiders_by_token, plain, stranger
from support.isolation.gate import TOGETHER, Gate, told
from support.isolation.messages import BATCHED, LEGACY, Message, batch, post
from support.isolation.things import ACCOUNTS, Thing
from support.isolation.trying import Tried
from support.isolation.wire import settled
from support.isolation.world import World

Member = tuple[Message, Thing, Thing]


def batches(gate: Gate) -> Iterator[list[Member]]:
    """All that can be asked, in one batch; what takes its credential from a header, one beside other messages each."""
    asked = [message for message in gate.messages() if message.era in (None, LEGACY)]
    members = [(message, *aim) for message in asked for aim in gate.aims(message)]
    by_header = [member for member in members if member[0].with_credential and member[0].direct]
    yield [member for member in members if member not in by_header]
    for member in by_header:
        yield [members[-1], member, members[0]]


def lasting(message: Message) -> bool:
    """Whether it is answered the same once more: what stores something is not, nor what shows all that was done."""
    return (
        message.params.get("name") != "create_credential_alloy" and message.params.get("uri") != "toolgate://activity"
    )


def converse(gate: Gate) -> None:
    world, entrance, tried = gate.world, gate.entrance, gate.tried
    for members in batches(gate):
        ids = [(message, connector.id, credential.id) for message, connector, credential in members]
        answer = batch(world, entrance.path, entrance.headers, ids)
        said = answer.json() if answer.status == 200 else []
        if [each["id"] for each in said] != list(range(len(members))):
            gate.wrong("batch", f"{answer.status}, not one answer to each: {answer.text[:300]}")
            continue
        for (message, connector, credential), one, about in zip(members, said, ids, strict=True):
            name = f"{message.method} {message.params.get('name', message.params.get('uri', ''))} in a batch"
            tried.cells += 1
            if message.method == "initialize":
                assert one["error"]["message"].endswith("initialize must not be part of a batch")
                continue
            gate.judge(name, message, connector, credential, str(one), one)
            if lasting(message):
                alone = post(world, entrance.path, entrance.headers, message, BATCHED, *about[1:]).json()
                tried.compared += 1
                if settled(one) != settled({**alone, "id": one["id"]}):
                    gate.wrong(name, f"{str(one)[:300]}, and alone {str(alone)[:300]}")


def matrix(world: World, entrances: Iterator[Entrance], inside: Iterator[Entrance], name: str) -> None:
    tried = Tried()
    for entrance in entrances:
        Gate(world, entrance, tried).enter(TOGETHER)
    for entrance in inside:
        converse(Gate(world, entrance, tried))
    told(tried, f"batches at {name}", "what is not there, or with what is answered alone")


@pytest.mark.parametrize("account", ACCOUNTS)
class TestBatches:
    def test_plain_doors(self, world: World, account: str) -> None:
        everybody = [*callers(world, account), stranger(world, account)]
        outside = chain(plain(world, everybody), plain(world, nobody()))
        matrix(world, outside, insiders(world, everybody), f"/mcp/{{serverId}} {account}")

    def test_token_urls(self, world: World, account: str) -> None:
        name = f"/mcp/{{serverId}}/{{accessToken}} {account}"
        matrix(world, by_token(world, account), insiders_by_token(world, account), name)
