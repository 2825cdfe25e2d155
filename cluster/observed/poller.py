"""The same functions run round after round, each in a thread of its own, never one of them twice at once."""

import threading
import time
from collections.abc import Callable, Mapping
from typing import Any, TypeVar

Result = TypeVar("Result")


class Poller:
    """One round after another by the same hand.

    What is late stays under way and is not begun again: a server that hangs costs one thread, not one a round. What it
    says in the end is told in the round after that.
    """

    def __init__(self) -> None:
        self._under_way: dict[str, _Reader] = {}

    def run(self, work: Mapping[str, Callable[[], Result]], deadline: float) -> dict[str, Result]:
        """Run each function; return by its key what came back within ``deadline`` seconds.

        What an earlier round left under way is not waited for again.

        Raises:
            BaseException: what the first of the functions raised.
        """
        self._under_way = {key: run for key, run in self._under_way.items() if key in work or not run.done}
        begun = {key: _Reader(function) for key, function in work.items() if key not in self._under_way}
        self._under_way |= begun
        until = time.monotonic() + deadline
        for run in begun.values():
            run.wait(max(0.0, until - time.monotonic()))
        done = [key for key in work if self._under_way[key].done]
        return {key: self._under_way.pop(key).result() for key in done}


class _Reader:
    """One call in a thread that nobody need wait for."""

    def __init__(self, function: Callable[[], Any]) -> None:
        self._function = function
        self._result: Any = None
        self._error: BaseException | None = None
        self._ended = threading.Event()
        threading.Thread(target=self._call, daemon=True).start()

    def _call(self) -> None:
        try:
            self._result = self._function()
        except BaseException as error:  # noqa: BLE001 - told to whoever asks for the result
            self._error = error
        finally:
            self._ended.set()

    def wait(self, seconds: float) -> None:
        """Wait for its end, ``seconds`` at most."""
        self._ended.wait(seconds)

    @property
    def done(self) -> bool:
        """Whether it has ended."""
        return self._ended.is_set()

    def result(self) -> Any:
        """What it returned; raises what it raised."""
        if self._error is not None:
            raise self._error
        return self._result
