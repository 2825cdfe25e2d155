"""Who may listen to the event stream, and who makes room."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import suppress

from health.events import MOST_LISTENERS, MOST_OF_AN_ADDRESS, Events
from tests.unit.health.status_samples import polled


def _events() -> Events:
    return Events(polled())


def test_everyone_is_let_in_and_the_oldest_leaves() -> None:
    events = _events()
    all_of_them = [events.admit(f"192.0.2.{n % 10}") for n in range(MOST_LISTENERS + 5)]
    assert list(events.listeners) == all_of_them[5:]


def test_one_address_takes_no_room_from_the_others() -> None:
    events = _events()
    others = [events.admit(f"192.0.2.{n}") for n in range(20)]
    for _ in range(1000):
        events.admit("192.0.2.66")
    assert list(events.listeners)[:20] == others
    assert len(events.listeners) == 20 + MOST_OF_AN_ADDRESS


def test_with_many_addresses_it_is_one_of_the_greediest() -> None:
    events = _events()
    friend = events.admit("192.0.2.1")
    for n in range(300):
        events.admit(f"192.0.2.{100 + n % 20}")
    assert friend in events.listeners
    assert len(events.listeners) == MOST_LISTENERS


def test_who_reads_nothing_leaves_before_who_listens() -> None:
    events = _events()
    listening = [events.admit("192.0.2.1") for _ in range(MOST_OF_AN_ADDRESS)]
    mute = listening[30]
    mute.given = float("-inf")
    events.admit("192.0.2.1")
    assert mute not in events.listeners
    assert set(listening) - {mute} < set(events.listeners)


async def _names(events: Events, *, dismissed: bool) -> list[bytes]:
    """What one listener hears of two looks; it may have to leave after the first."""
    listener, broadcast = events.admit("192.0.2.1"), events._watcher.broadcast
    stream = events.stream(listener)
    found = [await anext(stream), await anext(stream)]
    if dismissed:
        del events.listeners[listener]
    asyncio.get_running_loop().call_later(0.01, broadcast._notify)
    found += [event async for event in _first(stream, 1)]
    await stream.aclose()  # type: ignore[attr-defined]
    return [event.split(b"\n")[0] for event in found]


async def _first(stream: AsyncIterator[bytes], most: int) -> AsyncIterator[bytes]:
    """The first events that come within a second."""
    for _ in range(most):
        with suppress(StopAsyncIteration):
            yield await asyncio.wait_for(anext(stream), 1)


def test_who_has_to_leave_gets_no_more() -> None:
    events = _events()
    both = [b"event: history", b"event: overview"]
    assert asyncio.run(_names(events, dismissed=False)) == [*both, b"event: overview"]
    assert asyncio.run(_names(events, dismissed=True)) == both
    assert not events.listeners
