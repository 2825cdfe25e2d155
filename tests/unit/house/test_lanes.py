"""How integration tests are handed to workers, and that who wants the host alone has it."""

import threading
from pathlib import Path

from cluster.config.env_file import PROJECT_ROOT
from tests.fix_lanes import SLOWEST_FIRST, Hall, group_of, kind_of, next_group, rank_of

_FOLDER = "tests/integration/backed_up"


def test_every_file_of_the_order_is_there() -> None:
    assert set(SLOWEST_FIRST) <= {path.stem for path in (PROJECT_ROOT / "tests/integration").rglob("test_*.py")}
    assert len(set(SLOWEST_FIRST)) == len(SLOWEST_FIRST)


def test_a_folder_with_a_cluster_of_its_own_is_one_group_and_else_a_file_is() -> None:
    assert group_of(f"{_FOLDER}/test_86_backup.py::test_x") == _FOLDER
    assert group_of("tests/integration/test_10_up.py::test_x") == "tests/integration/test_10_up.py"
    assert kind_of("tests/integration/test_10_up.py::test_x") == "tests/integration"


def test_what_nobody_has_timed_begins_first() -> None:
    assert rank_of("tests/integration/test_new.py::test_x") < rank_of("tests/integration/test_10_up.py::test_x")


def test_a_worker_goes_on_with_its_kind_and_leaves_the_others_theirs() -> None:
    at: dict[object, str] = {}
    waiting = {"a": "cluster", "b": "backed up", "c": "cluster"}
    assert next_group(waiting, at, 1) == "a"
    del waiting["a"]
    assert next_group(waiting, at, 2) == "b"
    del waiting["b"]
    assert next_group(waiting, at, 1) == "c"
    assert next_group({"d": "cluster"}, at, 2) == "d", "at the end one helps the other"


def test_nobody_who_comes_later_is_let_in_before_one_who_wants_to_be_alone(tmp_path: Path) -> None:
    order: list[str] = []
    first, alone, later = (Hall(tmp_path) for _ in range(3))
    first.enter(alone=False)
    waits, came = threading.Event(), threading.Event()

    def wants_to_be_alone() -> None:
        waits.set()
        alone.enter(alone=True)
        order.append("alone")
        alone.leave()

    def comes_later() -> None:
        came.set()
        later.enter(alone=False)
        order.append("later")
        later.leave()

    threads = []
    for target, begun in ((wants_to_be_alone, waits), (comes_later, came)):
        threads.append(threading.Thread(target=target))
        threads[-1].start()
        assert begun.wait(5)
        threads[-1].join(0.2)
    assert order == []
    first.leave()
    for thread in threads:
        thread.join(5)
    assert order == ["alone", "later"]
