"""Slots are handed on in order, fairly, and none is ever lost."""

import asyncio
from collections.abc import Sequence

import pytest
from hypothesis import given
from hypothesis import strategies as st

from gateway.outbound.slots import Place, Share, Slots


def one() -> tuple[Slots, Place]:
    """Slots of which a single tenant may hold one."""
    return Slots(1), Place(Share(), 64)


async def test_slots_go_to_those_who_wait_in_their_order() -> None:
    slots, place = one()
    order: list[int] = []

    async def work(number: int) -> None:
        await slots.take(place)
        order.append(number)
        await asyncio.sleep(0)
        slots.give(place)

    await asyncio.gather(*(work(number) for number in range(5)))
    assert order == [0, 1, 2, 3, 4]
    assert slots.take_now(place)
    assert not slots.take_now(place)


async def test_those_who_left_are_forgotten() -> None:
    slots, place = one()
    await slots.take(place)
    waiting = [asyncio.create_task(slots.take(place)) for _ in range(10)]
    await asyncio.sleep(0)
    assert not place.idle
    for task in waiting:
        task.cancel()
    await asyncio.gather(*waiting, return_exceptions=True)
    slots.give(place)
    assert place.idle
    assert (slots.free, place.share.held) == (1, 0)


@pytest.mark.parametrize("handed_over", [False, True])
async def test_a_waiter_who_leaves_loses_no_slot(handed_over: bool) -> None:
    slots, place = one()
    await slots.take(place)
    leaver, stayer = asyncio.create_task(slots.take(place)), asyncio.create_task(slots.take(place))
    await asyncio.sleep(0)
    if handed_over:
        slots.give(place)
        leaver.cancel()
    else:
        leaver.cancel()
        slots.give(place)
    with pytest.raises(asyncio.CancelledError):
        await leaver
    await asyncio.wait_for(stayer, 1)
    assert not slots.take_now(place)
    slots.give(place)
    assert slots.take_now(place)


def taken(slots: Slots, places: Sequence[Place]) -> int:
    """As many as can be had in these places, whoever comes first."""
    before = slots.free
    while sum(map(slots.take_now, places)):
        pass
    return before - slots.free


@pytest.mark.parametrize("hosts", [1, 4, 8, 200])
def test_a_tenant_gets_half_and_leaves_the_next_half_of_the_rest(hosts: int) -> None:
    slots = Slots(512)
    tenants = [Share() for _ in range(6)]
    got = [taken(slots, [Place(tenant, 64) for _ in range(hosts)]) for tenant in tenants]
    if hosts == 1:
        assert got == [64, 64, 64, 64, 64, 64]
    elif hosts == 200:
        assert got == [255, 129, 64, 32, 16, 8]
    # Whatever they take, the next one gets something.
    assert slots.take_now(Place(Share(), 64))


def test_a_host_leaves_something_for_the_next_of_the_same_tenant() -> None:
    slots, tenant = Slots(512), Share()
    got = [taken(slots, [Place(tenant, 64)]) for _ in range(10)]
    assert got == [64, 64, 64, 32, 16, 8, 4, 2, 1, 1]


async def test_who_waits_gets_what_another_tenant_gives_back() -> None:
    slots = Slots(5)
    first, second = Place(Share(), 64), Place(Share(), 64)
    assert taken(slots, [first]) == 2
    assert taken(slots, [second]) == 2
    waiting = [asyncio.create_task(slots.take(place)) for place in (first, second)]
    await asyncio.sleep(0)
    assert not slots.take_now(first)
    slots.give(first)
    await asyncio.wait_for(waiting[0], 1)
    # With two of its own and one left, the second may not.
    assert (waiting[1].done(), slots.free) == (False, 1)
    slots.give(first)
    slots.give(first)
    await asyncio.sleep(0)
    # Half of five, rounded up, is three; a single host leaves one of them.
    assert (waiting[1].done(), slots.free) == (False, 3)
    slots.give(second)
    await asyncio.wait_for(waiting[1], 1)


@given(
    number=st.integers(1, 12),
    moves=st.lists(st.tuples(st.sampled_from(["take", "give", "leave"]), st.integers(0, 7)), max_size=60),
)
def test_whatever_happens_the_books_are_right(number: int, moves: list[tuple[str, int]]) -> None:
    """Random takers, givers and leavers in eight places of four tenants."""
    asyncio.run(_play(number, moves))


async def _play(number: int, moves: list[tuple[str, int]]) -> None:
    slots = Slots(number)
    tenants = [Share() for _ in range(4)]
    places = [Place(tenants[index // 2], 3) for index in range(8)]
    tasks: list[list[asyncio.Task[None]]] = [[] for _ in places]
    for move, index in moves:
        if move == "take":
            tasks[index].append(asyncio.create_task(slots.take(places[index])))
        elif move == "leave":
            for task in tasks[index][-1:]:
                task.cancel()
        else:
            held = [task for task in tasks[index] if task.done() and not task.cancelled()]
            for task in held[:1]:
                tasks[index].remove(task)
                slots.give(places[index])
        await asyncio.sleep(0)
        await asyncio.sleep(0)
        for place, of_place in zip(places, tasks, strict=True):
            assert place.held == sum(task.done() and not task.cancelled() for task in of_place) <= place.limit
            assert len(place.waiting) == sum(not task.done() for task in of_place)
            # Nobody waits who may have one.
            assert not (place.waiting and slots._may(place))
        assert slots.free == number - sum(place.held for place in places)
        assert [tenant.held for tenant in tenants] == [places[i].held + places[i + 1].held for i in (0, 2, 4, 6)]
    for of_place in tasks:
        for task in of_place:
            task.cancel()
    await asyncio.gather(*(task for of_place in tasks for task in of_place), return_exceptions=True)
