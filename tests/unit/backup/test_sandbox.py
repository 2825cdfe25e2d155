"""The two sides of the socket: what the sandbox may ask for, and what its word is worth when somebody else speaks."""

import json
import socket
import struct
import threading
import time
from collections.abc import Callable, Mapping
from contextlib import suppress
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from backup.layout import archive_key, backup_key, drill_key, history_key, hold_key, tail_prefix, wal_key
from backup.restore.assertions import Question, read_questions
from backup.restore.target import check_target
from backup.sandbox import __main__ as program
from backup.sandbox import dispatch
from backup.sandbox.dispatch import Sandbox
from backup.sandbox.job import Job, dump_job, parse_job
from backup.sandbox.objects import Allowed
from backup.sandbox.outcome import findings, reached, seconds
from backup.sandbox.remote_store import RemoteStore, conversation
from backup.sandbox.wire import ClosedError, receive, send
from backup.store import DamagedError, MissingError, StoreError
from backup.store.local import LocalStore
from backup.wal.partial_segments import find_pieces
from cluster.errors import MachineError, PodsError, RefusedError
from tests.unit.backup.samples import SYSTEM, a_backup, an_increment

FULL = a_backup(1)
CHAIN = (FULL, an_increment(2, FULL))
OTHER = a_backup(3)
SEGMENT = "0000000100000000000000AB"
JOB = Job(
    what="drill",
    store="local",
    chain=CHAIN,
    target=check_target("2026-11-22T10:00:00Z"),
    timeline=1,
    timeout=60.0,
    questions=(Question(name="a.sql", database="appdb", sql="SELECT true"),),
    databases=("appdb", "shop"),
)
GOOD = {
    "restored": 1.0,
    "rto": 2,
    "lsn": "0/5",
    "newest": None,
    "problems": [],
    "databases": ["shop", "appdb"],
    "assertions": [{"name": "a.sql", "holds": True, "detail": ""}],
}
Worker = Callable[[socket.socket], None]


def test_a_job_is_read_as_it_was_written() -> None:
    read = parse_job(json.loads(json.dumps(dump_job(JOB))))

    assert read == replace(JOB, target=read.target)
    assert read.target.settings() == JOB.target.settings()
    assert read.plan.space == JOB.plan.space
    assert "verifier" not in repr(replace(JOB, verifier="SCRAM-SHA-256$secret"))


@pytest.fixture
def store(tmp_path: Path) -> LocalStore:
    (tmp_path / "store").mkdir()
    made = LocalStore(tmp_path / "store")
    for backup in (*CHAIN, OTHER):
        made.create(backup_key(SYSTEM, backup.name), b"{}")
        made.create(backup_key(SYSTEM, backup.name, "base.tar.zst"), backup.name.encode() * 200_000)
    made.create(wal_key(SYSTEM, SEGMENT), b"wal")
    made.create(f"{tail_prefix(SYSTEM, SEGMENT)}00000000-00002000.zst", b"piece")
    made.create(history_key(SYSTEM, 2), b"history")
    made.create(hold_key(SYSTEM, FULL.name), b"hold")
    made.create(f"9{wal_key(SYSTEM, SEGMENT)}", b"another cluster's")
    return made


@pytest.fixture
def path(tmp_path: Path) -> Path:
    return tmp_path / "backup.sock"


def perform(
    path: Path,
    store: LocalStore,
    worker: Worker,
    progress: Callable[[str], None] = lambda _: None,
    times: Mapping[str, float] | None = None,
) -> dict[str, Any]:
    """Have ``JOB`` done by ``worker``, a stranger in a thread."""

    def call() -> None:
        while True:
            try:
                with conversation(path, 10) as connection:
                    send(connection, {"worker": True})
                    receive(connection, 1 << 25)
                    return worker(connection)
            except (OSError, ClosedError):
                if not alive.is_set():
                    return None
                time.sleep(0.01)

    alive = threading.Event()
    alive.set()
    thread = threading.Thread(target=call)
    thread.start()
    try:
        return Sandbox(path=path, **{"arrival": 5.0, "silence": 5.0, "longest": 30.0, **(times or {})}).run(
            JOB, store, progress
        )
    finally:
        alive.clear()
        thread.join(10)
        assert not thread.is_alive()
        assert not path.exists()


def test_the_sandbox_reads_what_its_job_needs(path: Path, store: LocalStore) -> None:
    read: list[object] = []

    def worker(connection: socket.socket) -> None:
        remote = RemoteStore("local", path)
        read.append(remote.get(wal_key(SYSTEM, SEGMENT)))
        read.append(remote.get(history_key(SYSTEM, 2)))
        key = backup_key(SYSTEM, FULL.name, "base.tar.zst")
        read.append(b"".join(remote.read(key)) == store.get(key))
        found, missing = remote.head(key), remote.head(wal_key(SYSTEM, "0" * 23 + "1"))
        read.append((found and found.size, missing))
        read.append(find_pieces(remote, SYSTEM, SEGMENT))
        for kind, ask in ((MissingError, history_key(SYSTEM, 3)), (MissingError, archive_key(SYSTEM))):
            with pytest.raises(kind):
                remote.get(ask)
        send(connection, {"done": {"read": True}})

    assert perform(path, store, worker) == {"read": True}
    size = len(FULL.name) * 200_000
    assert read == [b"wal", b"history", True, (size, None), [(0, 0x2000)]]


def test_a_damaged_object_is_told_as_such(path: Path, store: LocalStore) -> None:
    file = store.root / wal_key(SYSTEM, SEGMENT)
    file.write_bytes(b"lie")

    def worker(connection: socket.socket) -> None:
        with pytest.raises(DamagedError, match=SEGMENT):
            RemoteStore("local", path).get(wal_key(SYSTEM, SEGMENT))
        send(connection, {"done": {}})

    perform(path, store, worker)


FORBIDDEN = [
    backup_key(SYSTEM, OTHER.name),
    backup_key(SYSTEM, OTHER.name, "base.tar.zst"),
    hold_key(SYSTEM, FULL.name),
    drill_key(SYSTEM, 0.0),
    f"9{wal_key(SYSTEM, SEGMENT)}",
    f"{SYSTEM}/backups/../../etc/passwd",
    f"{SYSTEM}/wal/00000001/../../../x.zst",
    "/run/secrets/s3_secret_key",
    "../secrets",
    "",
    f"{SYSTEM}/",
    "\0",
]


@pytest.mark.parametrize("key", FORBIDDEN)
def test_it_reads_nothing_else(key: str) -> None:
    allowed = Allowed(SYSTEM, frozenset(backup.name for backup in CHAIN))
    for whole in (True, False):
        with pytest.raises(RefusedError):
            allowed.check(key, whole=whole)
    with pytest.raises(RefusedError):
        allowed.check_prefix(key)


def test_an_archive_of_any_size_is_never_read_as_a_whole() -> None:
    allowed, key = Allowed(SYSTEM, frozenset({FULL.name})), backup_key(SYSTEM, FULL.name, "base.tar.zst")
    assert allowed.check(key, whole=False) == key
    with pytest.raises(RefusedError):
        allowed.check(key, whole=True)


@given(st.one_of(st.text(), st.none(), st.integers(), st.lists(st.text())))
def test_whatever_it_wants_is_refused_or_of_this_restore(key: object) -> None:
    allowed = Allowed(SYSTEM, frozenset({FULL.name}))
    with pytest.raises(RefusedError):
        allowed.check(key, whole=False)


REQUESTS: list[dict[str, Any]] = [
    {},
    {"ask": "delete", "key": wal_key(SYSTEM, SEGMENT)},
    {"ask": "get", "key": [1]},
    {"ask": "get", "key": hold_key(SYSTEM, FULL.name)},
    {"ask": "read", "key": drill_key(SYSTEM, 0.0)},
    {"ask": "list", "prefix": ""},
    {"ask": "list", "prefix": f"{SYSTEM}/backups/"},
    {"ask": ["get"]},
]


def test_a_request_that_is_none_is_refused_and_the_next_is_answered(path: Path, store: LocalStore) -> None:
    def worker(connection: socket.socket) -> None:
        for request in REQUESTS:
            with conversation(path, 5) as asking:
                send(asking, request)
                kind, length = struct.unpack("!cI", asking.recv(5))
                assert kind == b"E", request
                assert b"RefusedError" in asking.recv(length), request
        for noise in (b"GET / HTTP/1.0\r\n\r\n", b"M\xff\xff\xff\xff", b"M\0\0\0\2[]", b"M\0\0\0\1{"):
            with conversation(path, 5) as asking:
                asking.sendall(noise)
                with suppress(ConnectionResetError):
                    assert asking.recv(100) == b""
        remote = RemoteStore("local", path)
        assert remote.get(wal_key(SYSTEM, SEGMENT)) == b"wal"
        with pytest.raises(RefusedError):
            remote.delete([wal_key(SYSTEM, SEGMENT)])
        send(connection, {"done": {}})

    perform(path, store, worker)
    assert store.get(wal_key(SYSTEM, SEGMENT)) == b"wal"


def test_one_sandbox_works_and_a_second_is_sent_away(path: Path, store: LocalStore) -> None:
    def worker(connection: socket.socket) -> None:
        with conversation(path, 5) as second:
            send(second, {"worker": True})
            assert second.recv(100) == b""
        send(connection, {"done": {}})

    perform(path, store, worker)


def test_more_conversations_than_a_restore_needs_are_refused(path: Path, store: LocalStore) -> None:
    def worker(connection: socket.socket) -> None:
        mute = [socket.socket(socket.AF_UNIX) for _ in range(80)]
        for each in mute:
            each.connect(str(path))
        mute[-1].settimeout(5)
        assert mute[-1].recv(1) == b""
        for each in mute:
            each.close()
        send(connection, {"done": {}})

    perform(path, store, worker)


def _silent(connection: socket.socket) -> None:
    connection.settimeout(20)
    connection.recv(1)  # until the other side has had enough


def _trickling(connection: socket.socket) -> None:
    while True:
        connection.sendall(struct.pack("!cI", b"M", 1000))
        for _ in range(1000):
            connection.sendall(b" ")
            time.sleep(0.01)


def _alive_for_ever(connection: socket.socket) -> None:
    while True:
        send(connection, {"alive": True})
        time.sleep(0.01)


def _raw(body: bytes) -> Worker:
    return lambda connection: connection.sendall(body)


@pytest.mark.parametrize(
    ("worker", "fault", "times"),
    [
        (lambda _: None, "ended before it was done", {}),
        (_silent, "has said nothing for 0 s", {"silence": 0.2}),
        (_trickling, "is not done after 1 s", {"longest": 1.0}),
        (_alive_for_ever, "is not done after 0 s", {"longest": 0.3}),
        (_raw(b"M\x7f\xff\xff\xff"), "ended before it was done", {}),
        (_raw(b"E\0\0\0\2{}"), "ended before it was done", {}),
        (_raw(b"M\0\0\0\4" + b"[" * 4), "ended before it was done", {}),
        (_raw(b"M" + struct.pack("!I", 200_000) + b"[" * 200_000), "ended before it was done", {}),
        (_raw(b"SSH-2.0\r\n"), "ended before it was done", {}),
    ],
)
def test_a_sandbox_that_fails_lies_or_hangs_is_one_line(
    path: Path, store: LocalStore, worker: Worker, fault: str, times: dict[str, float]
) -> None:
    with pytest.raises(MachineError, match=fault):
        perform(path, store, worker, times=times)


def test_a_sandbox_that_does_not_come_is_one_line(path: Path, store: LocalStore) -> None:
    with pytest.raises(MachineError, match="no sandbox came"):
        Sandbox(path=path, arrival=0.1, longest=1.0).run(JOB, store, lambda _: None)
    assert not path.exists()


def test_what_a_killed_backup_side_left_hinders_nobody(path: Path, store: LocalStore) -> None:
    with socket.socket(socket.AF_UNIX) as left:
        left.bind(str(path))
    assert perform(path, store, lambda connection: send(connection, {"done": {}})) == {}


def test_the_kind_of_an_error_comes_through_and_no_kind_of_its_own(path: Path, store: LocalStore) -> None:
    for kind, expected in (("RefusedError", RefusedError), ("SystemExit", MachineError), (["x"], MachineError)):
        failed = {"error": kind, "message": "a\nb\x1b[2J" + "x" * 9000, "hint": 5}
        with pytest.raises(expected, match=r"a b \[2J") as caught:
            perform(path, store, lambda connection, failed=failed: send(connection, {"failed": failed}))  # type: ignore[misc]
        assert len(caught.value.message) <= 2000
        assert caught.value.hint == ""


def test_progress_is_told_a_line_at_a_time_and_a_flood_of_it_is_not(path: Path, store: LocalStore) -> None:
    lines: list[str] = []

    def worker(connection: socket.socket) -> None:
        send(connection, {"progress": "Recovering\r\nINJECTED\x1b[0m"})
        send(connection, {"progress": 7})
        for number in range(2000):
            send(connection, {"progress": "x" * number})
        send(connection, {"done": {}})

    perform(path, store, worker, lines.append)
    assert lines[0] == "Recovering  INJECTED [0m"
    assert len(lines) < 200
    assert max(map(len, lines)) <= 300


def test_a_good_result_is_taken() -> None:
    found = findings(GOOD, JOB)
    assert (found["restored"], found["rto"], found["lsn"], found["newest"]) == (1.0, 2.0, "0/5", None)
    assert [each.holds for each in found["assertions"]] == [True]
    assert found["databases"] == ("appdb", "shop")
    assert findings({**GOOD, "databases": ["shop"]}, JOB)["databases"] == ("shop",)
    assert findings({**GOOD, "assertions": [], "lsn": ""}, JOB)["assertions"] == ()


BAD = [
    {"problems": None},
    {"problems": ["x"] * 100},
    {"rto": "soon"},
    {"rto": float("inf")},
    {"restored": True},
    {"lsn": "; DROP TABLE"},
    {"lsn": 5},
    {"newest": [1]},
    {"assertions": [{"name": "b.sql", "holds": True}]},
    {"assertions": [{"name": "a.sql", "holds": 1}]},
    {"assertions": ["a.sql"]},
    {"assertions": [*GOOD["assertions"]] * 2},  # type: ignore[misc]
    {"assertions": None},
    {"databases": None},
    {"databases": ["blog"]},
    {"databases": [["shop"]]},
]


@pytest.mark.parametrize("wrong", BAD)
def test_a_result_that_is_none_is_refused(wrong: dict[str, Any]) -> None:
    with pytest.raises(ClosedError):
        findings({**GOOD, **wrong}, JOB)


_json = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(), inner, max_size=3),
)


@given(st.fixed_dictionaries({}, optional=dict.fromkeys(GOOD, _json)))
def test_whatever_is_said_is_a_result_or_an_error(raw: dict[str, Any]) -> None:
    for read in (lambda: findings(raw, JOB), lambda: reached(raw), lambda: seconds(raw.get("rto"))):
        try:
            read()
        except PodsError:
            continue


def test_questions_have_an_end(tmp_path: Path) -> None:
    (tmp_path / "shop").mkdir()
    (tmp_path / "shop" / "a.sql").write_text("SELECT true")
    (tmp_path / "b.sql").write_text("SELECT false")
    found = {each.name: each.database for each in read_questions(tmp_path, "appdb")}
    assert found == {"b.sql": "appdb", "shop/a.sql": "shop"}
    assert read_questions(None, "appdb") == ()
    (tmp_path / "c.sql").write_bytes(b"\xff")
    with pytest.raises(RefusedError, match=r"c\.sql"):
        read_questions(tmp_path, "appdb")
    (tmp_path / "c.sql").write_text("x" * (1 << 20))
    with pytest.raises(RefusedError, match="longer"):
        read_questions(tmp_path, "appdb")


@pytest.fixture(autouse=True)
def quick(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(dispatch, "_REQUEST_SECONDS", 2.0)


def test_a_store_whose_backup_side_is_gone_says_so(path: Path) -> None:
    with pytest.raises(StoreError, match="does not answer"):
        RemoteStore("local", path).get(wal_key(SYSTEM, SEGMENT))


def test_data_is_not_started_where_anything_can_be_reached(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr(program, "_serve", lambda: pytest.fail("it began"))
    monkeypatch.setattr(socket, "if_nameindex", lambda: [(1, "lo"), (2, "eth0")])
    assert program.main(["serve"]) == 3
    assert "there is a network (eth0)" in capsys.readouterr().err
    monkeypatch.setattr(socket, "if_nameindex", lambda: [(1, "lo")])
    monkeypatch.setattr("os.geteuid", lambda: 0)
    assert program.reachable() == "this is root"
    monkeypatch.setattr("os.geteuid", lambda: 999)
    monkeypatch.setattr(program, "_SECRETS", (tmp_path / "none", tmp_path))
    assert program.reachable() == f"there is {tmp_path}"
    monkeypatch.setattr(program, "_SECRETS", (tmp_path / "none",))
    assert program.reachable() == ""
