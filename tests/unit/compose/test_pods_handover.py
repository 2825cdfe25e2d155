"""A vote gives etcd's lead away where the primary is beside it, and only while every vote serves."""

import json
from pathlib import Path
from types import ModuleType
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from cluster.config.env_file import PROJECT_ROOT

_METRICS = b"# TYPE etcd_server_is_leader gauge\netcd_server_is_leader %d\netcd_server_has_leader 1\n"


def _members(names: str) -> bytes:
    return json.dumps([{"name": name, "clientURLs": [f"https://etcd-{name}:2379"]} for name in names]).encode()


_MEMBERS = _members("abc")


@pytest.fixture(scope="module")
def handover() -> Any:
    made = ModuleType("pods_handover")  # executed, not imported: that would leave compiled code among an image's files
    path = Path(PROJECT_ROOT, "compose", "images", "hosts", "pods-handover")
    exec(compile(path.read_text(), path, "exec"), made.__dict__)
    return made


def _answers(*, leads: bool = True, primary: int = 200, members: bytes = _MEMBERS, silent: str = "") -> Any:
    def get(url: str) -> tuple[int, bytes]:
        if url.endswith("/metrics"):
            return 200, _METRICS % leads
        if url.endswith("/members"):
            return (200, members) if members else (0, b"")
        if url.endswith("/primary"):
            return primary, b""
        return (0, b"") if url == f"https://etcd-{silent}:2379/health" else (200, b"")

    return get


@pytest.mark.parametrize(
    ("answers", "goes"),
    [
        (_answers(), True),
        (_answers(leads=False), False),
        (_answers(primary=503), False),
        (_answers(primary=0), False),
        (_answers(silent="c"), False),
        (_answers(members=b""), False),
        (_answers(members=b"[]"), False),
        (_answers(members=_members("a")), False),
        (_answers(members=_members("ab")), False),
        (_answers(members=_members("abcde")), True),
        (_answers(members=_MEMBERS.replace(b'"c", ', b'"c", "isLearner": true, ')), False),
        (_answers(members=b"404 page not found"), False),
        (_answers(members=b'{"message": "no"}'), False),
        (_answers(members=b'[{"name": "", "peerURLs": ["https://etcd-d:2380"]}]'), False),
    ],
    ids=[
        "all",
        "follows",
        "replica",
        "silent node",
        "a vote",
        "no list",
        "empty",
        "alone",
        "two",
        "five",
        "learns",
        "text",
        "other",
        "joins",
    ],
)
def test_it_goes_only_where_it_leads_beside_the_primary_and_every_vote_serves(
    handover: Any, answers: Any, *, goes: bool
) -> None:
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(handover, "get", answers)
        assert handover.shall_go("alpha") is goes


@given(seen=st.lists(st.booleans(), max_size=30))
def test_it_goes_when_that_was_seen_as_often_as_it_must_be_without_a_break(handover: Any, seen: list[bool]) -> None:
    due = next((at for at in range(len(seen)) if at >= 2 and all(seen[at - 2 : at + 1])), None)
    taken, ended = list[bool](), list[int]()

    class _Proc:
        def exists(self) -> bool:
            return len(taken) < len(seen)

        def read_text(self) -> str:
            return "alpha\n"

    def shall_go(node: str) -> bool:
        assert node == "alpha"
        taken.append(seen[len(taken)])
        return taken[-1]

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(handover, "NODE", _Proc())
        patch.setattr(handover, "Path", lambda _: _Proc())
        patch.setattr(handover, "shall_go", shall_go)
        patch.setattr(handover.time, "sleep", lambda _: None)
        patch.setattr(handover.os, "kill", lambda pid, _: ended.append(pid))
        handover.main(7)
    assert ended == ([] if due is None else [7])
    assert len(taken) == (len(seen) if due is None else due + 1)


def test_beside_no_node_there_is_nothing_to_do(handover: Any, tmp_path: Path) -> None:
    (tmp_path / "node").write_text("\n")
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(handover, "NODE", tmp_path / "node")
        patch.setattr(handover, "leads", lambda: pytest.fail("asked"))
        handover.main(1)
