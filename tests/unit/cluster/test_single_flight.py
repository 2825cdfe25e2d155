"""One look at a time at each thing; nobody waits for longer than asked."""

import asyncio
import gc
import threading
import time
from collections.abc import Awaitable, Callable, Iterator
from dataclasses import dataclass, field

import pytest

from cluster.single_flight import SingleFlight


@dataclass
class Thing:
    """Something whose looks last until they may end. Counts them."""

    may_end: threading.Event = field(default_factory=threading.Event)
    looks: int = 0
    error: Exception | None = None

    def look(self) -> int:
        """How many looks there were."""
        self.looks += 1
        self.may_end.wait(10)
        if self.error:
            raise self.error
        return self.looks


@pytest.fixture
def thing() -> Iterator[Thing]:
    """A thing whose looks end with the test."""
    found = Thing()
    yield found
    found.may_end.set()


def _fly(test: "Callable[[SingleFlight[int]], Awaitable[None]]") -> None:
    async def run() -> None:
        await test(SingleFlight(64, "read"))

    asyncio.run(run())


def test_whoever_asks_while_a_look_is_under_way_gets_its_answer(thing: Thing) -> None:
    async def ask(flights: SingleFlight[int]) -> None:
        asking = [asyncio.create_task(flights.join("a", thing.look, 10)) for _ in range(500)]
        await asyncio.sleep(0.05)
        thing.may_end.set()
        assert await asyncio.gather(*asking) == [1] * 500

    _fly(ask)


def test_a_look_that_ended_is_not_the_next_one_s_answer(thing: Thing) -> None:
    async def ask(flights: SingleFlight[int]) -> None:
        thing.may_end.set()
        assert [await flights.join("a", thing.look, 10) for _ in range(3)] == [1, 2, 3]

    _fly(ask)


def test_one_thing_that_hangs_keeps_nobody_from_another(thing: Thing) -> None:
    async def ask(flights: SingleFlight[int]) -> None:
        hanging = asyncio.create_task(flights.join("a", thing.look, 10))
        await asyncio.sleep(0)
        assert await flights.join("b", lambda: 7, 10) == 7
        assert not hanging.done()
        thing.may_end.set()
        assert await hanging == 1

    _fly(ask)


def test_nobody_waits_for_longer_than_asked_and_a_hanging_look_is_not_begun_again(thing: Thing) -> None:
    async def ask(flights: SingleFlight[int]) -> None:
        began = time.monotonic()
        assert await flights.join("a", thing.look, 0.05) is None
        assert 0.04 < time.monotonic() - began < 5
        assert await flights.join("a", thing.look, 0.01) is None
        assert thing.looks == 1
        thing.may_end.set()
        assert await flights.join("a", thing.look, 10) == 1

    _fly(ask)


def test_each_waits_for_as_long_as_it_asked(thing: Thing) -> None:
    async def ask(flights: SingleFlight[int]) -> None:
        patient = asyncio.create_task(flights.join("a", thing.look, 10))
        await asyncio.sleep(0)
        assert await flights.join("a", thing.look, 0.01) is None
        thing.may_end.set()
        assert await patient == 1

    _fly(ask)


def test_one_who_gives_up_takes_the_answer_from_no_other(thing: Thing) -> None:
    async def ask(flights: SingleFlight[int]) -> None:
        leaving, staying = (asyncio.create_task(flights.join("a", thing.look, 10)) for _ in range(2))
        await asyncio.sleep(0.01)
        leaving.cancel()
        await asyncio.sleep(0.01)
        thing.may_end.set()
        assert await staying == 1

    _fly(ask)


def test_a_look_that_fails_fails_for_all_who_wait_and_is_begun_anew_after(thing: Thing) -> None:
    async def ask(flights: SingleFlight[int]) -> None:
        thing.error = ValueError("broken")
        asking = [asyncio.create_task(flights.join("a", thing.look, 10)) for _ in range(2)]
        await asyncio.sleep(0.01)
        thing.may_end.set()
        assert [str(error) for error in await asyncio.gather(*asking, return_exceptions=True)] == ["broken"] * 2
        thing.error = None
        assert await flights.join("a", thing.look, 10) == 2

    _fly(ask)


def test_a_failure_that_nobody_waited_for_is_no_warning(thing: Thing) -> None:
    warnings: list[object] = []

    async def ask(flights: SingleFlight[int]) -> None:
        asyncio.get_running_loop().set_exception_handler(lambda _, context: warnings.append(context))
        thing.error = ValueError("broken")
        assert await flights.join("a", thing.look, 0.01) is None
        thing.may_end.set()
        await asyncio.sleep(0.05)
        thing.error = None
        assert await flights.join("a", thing.look, 10) == 2
        gc.collect()
        await asyncio.sleep(0)

    _fly(ask)
    assert warnings == []
