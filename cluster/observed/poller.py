"""Runs the same functions periodically, each in a thread of its own, never one of them twice at once."""

import threading
import time
from collections.abc import Callable, Mapping
from typing import Any, TypeVar

Result = TypeVar("Result")


class Poller:
    """Runs functions by key, with a deadline for each run.

    A late call keeps running and is not started again: a server that hangs costs one thread, not one a run. Its result
    is returned by the run after it ended.
    """

    def __init__(self) -> None:
        self._running: dict[str, _Call] = {}

    def run(self, work: Mapping[str, Callable[[], Result]], deadline: float) -> dict[str, Result]:
        """Run each function; return by its key what came back within ``deadline`` seconds.

        Calls that an earlier run left unfinished are not waited for again.

        Raises:
            BaseException: what the first of the functions raised.
        """
        self._running = {key: run for key, run in self._running.items() if key in work or not run.done}
        begun = {key: _Call(function) for key, function in work.items() if key not in self._running}
        self._running |= begun
        until = time.monotonic() + deadline
        for run in begun.values():
            run.wait(max(0.0, until - time.monotonic()))
        done = [key for key in work if self._running[key].done]
        return {key: self._running.pop(key).result() for key in done}


class _Call:
    """One call in a daemon thread."""

    def __init__(self, function: Callable[[], Any]) -> None:
        self._function = function
        self._result: Any = None
        self._error: BaseException | None = None
        self._ended = threading.Event()
        threading.Thread(target=self._call, daemon=True).start()

    def _call(self) -> None:
        try:
            self._result = self._function()
        except BaseException as error:  # noqa: BLE001 - raised again by `result`
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
        """Its return value; raises its exception."""
        if self._error is not None:
            raise self._error
        return self._result
