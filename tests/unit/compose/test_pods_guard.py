"""The guard acts at its limit, whenever it looked last."""

from pathlib import Path
from types import ModuleType
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from cluster.config.env_file import PROJECT_ROOT


@pytest.fixture(scope="module")
def guard(tmp_path_factory: pytest.TempPathFactory) -> Any:
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("PGDATA", str(tmp_path_factory.mktemp("data")))
        made = ModuleType("pods_guard")  # executed, not imported: that would leave compiled code among an image's files
        path = Path(PROJECT_ROOT, "compose", "images", "hosts", "pods-guard")
        exec(compile(path.read_text(), path, "exec"), made.__dict__)
        return made


@given(answers=st.lists(st.sampled_from([0.001, 0.5, 10.0]), max_size=20), limit=st.integers(8, 50))
def test_a_primary_whose_agent_is_silent_is_ended_at_the_limit(guard: Any, answers: list[float], limit: int) -> None:
    """Whatever answers came before, quick or late: an agent that hangs costs at most a blink more than the limit."""
    clock, ended = [100.0], list[float]()
    last = [clock[0]]
    waiting = iter(answers)

    def alive(_: object, patience: float) -> bool:
        takes, begun = next(waiting, float("inf")), clock[0]
        clock[0] += min(takes, patience)
        if takes <= patience:
            last[0] = begun
        return takes <= patience

    def sleep(seconds: float) -> None:
        assert seconds > 0
        clock[0] += seconds

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(guard, "alive", alive)
        patch.setattr(guard, "writes", lambda: True)
        patch.setattr(guard, "ANSWERED", _Touched())
        patch.setattr(guard, "Path", lambda _: _Touched())
        patch.setattr(guard.ssl, "create_default_context", lambda **_: None)
        patch.setattr(guard.time, "monotonic", lambda: clock[0])
        patch.setattr(guard.time, "sleep", sleep)
        patch.setattr(guard.os, "kill", lambda pid, _: ended.append(pid))
        guard.main(float(limit), 7)
    assert ended == [7]
    assert limit <= clock[0] - last[0] < limit + 0.5


@given(seconds=st.floats(0.01, 5), left=st.floats(-100, 100), writes=st.booleans())
def test_it_waits_for_no_longer_than_is_left_and_a_standby_may_be_silent(
    guard: Any, seconds: float, left: float, *, writes: bool
) -> None:
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(guard, "writes", lambda: writes)
        found = guard.within(seconds, left, 0.01)
    assert 0 < found <= seconds
    assert left <= 0 or found <= left + 0.05
    assert left > 0 or writes or found == seconds


class _Touched:
    def touch(self) -> None:
        """The file is not there."""

    def exists(self) -> bool:
        return True
