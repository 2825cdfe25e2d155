"""A server that ends the very connection which asks how far it is has answered: not yet."""

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from types import ModuleType, SimpleNamespace
from typing import Any, NoReturn

import psycopg
import pytest

from cluster.postgres.connection import Access
from compose.operations.hosts import finish_move, finish_return, homecoming, leader_change, local_standby

SERVER = Access(host="alpha", port=5432, user="monitor", password="", ca=Path("ca.crt"))
AGENT = SimpleNamespace(status=lambda: SimpleNamespace(primary=True, timeline=2))
STACK = SimpleNamespace(monitor=lambda _: SERVER)
FLEET = SimpleNamespace(stack=STACK, agents={"alpha": AGENT}, leader=lambda: "alpha")


def _made(kind: type) -> Any:
    made: Any = object.__new__(kind)
    vars(made).update(stack=STACK, _fleet=FLEET)
    return made


QUESTIONS: list[tuple[ModuleType, Callable[[], str]]] = [
    (homecoming, lambda: _made(homecoming.Homecoming)._leading()),
    (finish_move, lambda: _made(finish_move.FinishMove)._unpromoted("alpha")),
    (finish_return, lambda: _made(finish_return.FinishReturn)._recovers("alpha")),
    (local_standby, lambda: _made(local_standby.LocalStandby).lacks("alpha")),
    (leader_change, lambda: leader_change._missing(FLEET, "alpha")),  # type: ignore[arg-type]
]


@pytest.mark.parametrize(("module", "question"), QUESTIONS, ids=[module.__name__ for module, _ in QUESTIONS])
def test_a_server_that_shuts_down_meanwhile_is_asked_again(
    monkeypatch: pytest.MonkeyPatch, module: ModuleType, question: Callable[[], str]
) -> None:
    @contextmanager
    def connect(_: Access) -> Iterator[None]:
        yield None

    def fetch_one(*_: object) -> NoReturn:
        raise psycopg.errors.AdminShutdown("terminating connection due to administrator command")

    monkeypatch.setattr(module, "connect", connect)
    monkeypatch.setattr(module, "fetch_one", fetch_one)
    assert "terminating connection" in question()
