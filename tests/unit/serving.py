"""A server of ours that runs in a thread while a test talks to it."""

import asyncio
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any

from cluster.http.server import Bounds, serve
from tests.fix_wait import eventually


@contextmanager
def serving(server: Any, bounds: Bounds, changed: Callable[[], bool] = lambda: False) -> Iterator[threading.Thread]:
    """The thread in which ``server`` serves until the body is over."""
    thread = threading.Thread(target=lambda: asyncio.run(serve(server, bounds, changed)))
    thread.start()
    try:
        eventually(lambda: server.started or not thread.is_alive(), 10, "it serves", pause=0.01)
        yield thread
    finally:
        server.should_exit = True
        thread.join(10)
        assert not thread.is_alive()
