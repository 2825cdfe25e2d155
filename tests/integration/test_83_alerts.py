"""Alerts on the live stack: a fault is caused, its alert fires and is delivered; the fault ends, and so does the alert.

The rules are the ones that ship. Only their patience is cut, so that a fault need not last for minutes: `for:` becomes
two seconds, and what an expression itself counts in minutes becomes seconds (`_SOONER`).
"""

import contextlib
import json
import re
import subprocess
import threading
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any

import psycopg
import pytest
import yaml

from cluster import pgbouncer
from cluster.errors import MachineError
from cluster.files import write_atomically
from cluster.postgres.connection import connect
from cluster.sizing import derive
from cluster.waiting import wait_until
from compose.home import passwords
from compose.render.alert_commands import first_commands, with_commands
from tests.fix_stack import Cluster
from tests.fix_wait import eventually
from tests.fix_web import Web, fetch
from tests.unit.dashboards.alert_rules import ROOM
from tests.unit.dashboards.test_alerts import OF_RECEIVERS

PATIENCE = "2s"
_SOONER = {
    "PodsNodeRestarted": ("[10m]", "[40s]"),
    "PodsReplicationLagSeconds": ("> 30", "> 3"),
    "PodsIdleInTransaction": ("> 300", "> 3"),
    "PodsLongTransaction": ("> 3600", "> 6"),
    "PodsDeadlocks": ("[5m]", "[40s]"),
    "PodsContainerOom": ("[10m]", "[40s]"),
}
_FULL_DISK = {"PodsDiskLow": ("< 0.15", "< 1.01")}
_EVERY = "2s"
RECEIVER = """
import http.server, sys
class Receiver(http.server.BaseHTTPRequestHandler):
    def do_POST(self):
        print(self.rfile.read(int(self.headers["Content-Length"])).decode(), flush=True)
        self.send_response(200)
        self.end_headers()
    def log_message(self, *_): pass
http.server.HTTPServer(("0.0.0.0", 8099), Receiver).serve_forever()
"""


@dataclass(frozen=True)
class Sign:
    """An alert, by its name and some of its labels."""

    name: str
    labels: tuple[tuple[str, str], ...] = ()

    def is_in(self, alerts: list[dict[str, str]]) -> bool:
        """Whether it is among alerts, each given as its labels."""
        wanted = {"alertname": self.name, **dict(self.labels)}.items()
        return any(wanted <= alert.items() for alert in alerts)


def sign(name: str, /, **labels: str) -> Sign:
    """``Sign`` with its labels as keywords."""
    return Sign(name, tuple(labels.items()))


@dataclass(frozen=True)
class Watch:
    """Prometheus of one cluster, and who is told by its Alertmanager."""

    cluster: Cluster
    receiver: str

    def firing(self) -> list[dict[str, str]]:
        """Labels of every alert that fires now; [] while Prometheus does not answer."""
        alerts = Web(self.cluster).prometheus("alerts")["alerts"]
        return [alert["labels"] for alert in alerts if alert["state"] == "firing"]

    def wait_for(self, *signs: Sign, timeout: float = 90) -> None:
        """Until all of them fire at once."""
        wait_until(lambda: self._among(signs, firing=False), timeout=timeout, what="no alert", hint="", pause=0.5)

    def wait_for_end(self, *signs: Sign, timeout: float = 90) -> None:
        """Until none of them fires."""
        wait_until(lambda: self._among(signs, firing=True), timeout=timeout, what="no end", hint="", pause=0.5)

    def _among(self, signs: tuple[Sign, ...], *, firing: bool) -> str:
        """Those of ``signs`` that fire, or that do not."""
        found = self.firing()
        return ", ".join(str(s) for s in signs if s.is_in(found) is firing)

    def told(self, status: str) -> list[dict[str, str]]:
        """Labels of every alert that the webhook was told of as ``status`` (firing, resolved)."""
        return [alert["labels"] for alert in self.messages() if alert["status"] == status]

    def messages(self) -> list[dict[str, Any]]:
        """Every alert that the webhook was told of, as it was."""
        lines = self.cluster.docker("logs", self.receiver).splitlines()
        return [alert for line in lines if line for alert in json.loads(line)["alerts"]]


def _impatient(text: str, changes: dict[str, tuple[str, str]], patience: str = PATIENCE) -> str:
    """The rules with `for:` cut and ``changes`` made to expressions; each change must find what it changes."""
    written = yaml.safe_load(text)
    rules = [rule for group in written["groups"] for rule in group["rules"] if "alert" in rule]
    for rule in rules:
        rule.pop("keep_firing_for", None)
        if "for" in rule:
            rule["for"] = patience
    for name, (before, after) in changes.items():
        found = next(rule for rule in rules if rule["alert"] == name and before in rule["expr"])
        found["expr"] = found["expr"].replace(before, after)
    return yaml.safe_dump(written, sort_keys=False)


def _hurried(text: str) -> str:
    """prometheus.yml with frequent looks."""
    written = yaml.safe_load(text)
    written["global"] |= {"scrape_interval": _EVERY, "scrape_timeout": _EVERY, "evaluation_interval": "1s"}
    return yaml.safe_dump(written, sort_keys=False)


def _always_monday() -> str:
    """The rule of the weekly report, in its hour whenever that is."""
    text = (ROOM / "report.yml").read_text(encoding="utf-8")
    assert "day_of_week() == 1 and hour() == 7" in text
    return text.replace("day_of_week() == 1 and hour() == 7", "vector(1)").replace("interval: 5m", "interval: 5s")


def _load(cluster: Cluster, **files: str) -> None:
    """Give Prometheus other files, and wait until it has taken them up."""
    for path, text in files.items():
        write_atomically(cluster.home.rendered / "prometheus" / path, text)
    before = _loaded(cluster)
    eventually(lambda: f"{datetime.now(UTC):%Y-%m-%dT%H:%M:%SZ}" > before, 5, "a later second: it tells no less")
    cluster.docker("kill", "--signal", "HUP", cluster.container("prometheus"))
    eventually(lambda: _loaded(cluster) > before, 20, "Prometheus took up its files")


def _loaded(cluster: Cluster) -> str:
    """When Prometheus last took up its files."""
    found = Web(cluster).prometheus("status/runtimeinfo")
    assert found["reloadConfigSuccess"] is True
    return str(found["lastConfigTime"])


def _receivers() -> str:
    """The default of Alertmanager's file, its people and its watchdog told over a webhook, and soon."""
    written = yaml.safe_load((ROOM / "alertmanager.yml").read_text(encoding="utf-8"))
    for route in (written["route"], *written["route"]["routes"]):
        route |= {"group_wait": "1s", "group_interval": "1s"}
    written["time_intervals"][0]["time_intervals"] = [{"times": [{"start_time": "00:00", "end_time": "24:00"}]}]
    for receiver in written["receivers"][:2]:
        receiver["webhook_configs"] = [{"url": f"http://alert-receiver:8099/{receiver['name']}"}]
    return yaml.safe_dump(written, sort_keys=False)


@pytest.fixture(scope="module")
def receiver(shared: Cluster) -> Iterator[str]:
    """A webhook's server in a container of its own beside Alertmanager; what it is sent is in its log."""
    name = f"{shared.stack.topology.project}-alert-receiver"
    image = shared.docker("inspect", "--format", "{{.Config.Image}}", shared.container("exporter")).strip()
    where = [
        "--network",
        _network(shared, "monitoring"),
        "--network-alias",
        "alert-receiver",
        "--entrypoint",
        "python3",
    ]
    shared.docker("run", "--detach", "--name", name, *where, image, "-c", RECEIVER)
    yield name
    shared.docker("rm", "--force", name)


@pytest.fixture(scope="module")
def watch(shared: Cluster, receiver: str) -> Iterator[Watch]:
    """The shipped rules, in a hurry; the receivers are the user's own file, taken up by `inv up`."""
    receivers = shared.home.user_config / "alertmanager.yml"
    receivers.parent.mkdir(exist_ok=True)
    receivers.write_text(_receivers(), encoding="utf-8")
    try:
        shared.inv.ok("up")
        prometheus = shared.home.rendered / "prometheus" / "prometheus.yml"
        texts = with_commands((ROOM / "alerts.yml").read_text(encoding="utf-8"), first_commands())
        rules = _impatient(texts, _SOONER)
        hurried = _hurried(prometheus.read_text(encoding="utf-8"))
        _load(shared, **{"rules/alerts.yml": rules, "rules/report.yml": _always_monday(), "prometheus.yml": hurried})
        yield Watch(shared, receiver)
    finally:
        receivers.unlink()
        shared.inv.ok("up")  # what is rendered is right again, and taken up


@pytest.fixture(autouse=True)
def whole(cluster: Cluster) -> Iterator[None]:
    """A test has taken back what it did; the cluster is given the time to be as before."""
    yield
    wait_until(lambda: "; ".join(cluster.status()["reasons"]), timeout=60, what="not healed", hint="", pause=0.5)


def _network(cluster: Cluster, name: str = "nodes") -> str:
    return f"{cluster.stack.topology.project}_{name}"


@contextmanager
def _done(cluster: Cluster, do: str, undo: str, node: str = "primary") -> Iterator[None]:
    """SQL of the superuser, and what takes it back; each sentence by itself."""
    for sentence in do.split(";"):
        cluster.query(sentence, node)
    try:
        yield
    finally:
        for sentence in undo.split(";"):
            cluster.query(sentence, node)


@contextmanager
def _docker(cluster: Cluster, do: str, undo: str, *services: str) -> Iterator[None]:
    """Docker's verb on some services, and the one that takes it back."""
    containers = [cluster.container(service) for service in services]
    cluster.docker(do, *containers)
    try:
        yield
    finally:
        cluster.docker(undo, *containers)


@contextmanager
def _console(cluster: Cluster, do: str, undo: str) -> Iterator[None]:
    """A command of PgBouncer's console, and the one that takes it back."""
    access = cluster.access("pgbouncer", passwords.ADMIN, pgbouncer.CONSOLE)
    with connect(access, console=True) as console:
        console.execute(do.encode())
    try:
        yield
    finally:
        with connect(access, console=True) as console:
            console.execute(undo.encode())


@contextmanager
def _threads(work: Callable[[int], object], count: int) -> Iterator[None]:
    """``work(0)`` … ``work(count - 1)`` at once; an error of the server ends one, and is what was wanted."""

    def run(number: int) -> None:
        with contextlib.suppress(psycopg.Error, MachineError):
            work(number)

    threads = [threading.Thread(target=run, args=(number,), daemon=True) for number in range(count)]
    for thread in threads:
        thread.start()
    try:
        yield
    finally:
        for thread in threads:
            thread.join(30)


@contextmanager
def _full_pool(cluster: Cluster) -> Iterator[None]:
    """Every server connection of the write pool is in a transaction that does nothing, and one more client waits."""
    access = cluster.access()
    size = derive(cluster.stack.settings, cluster.stack.topology.sizing).pool_size

    def wait(_: int) -> None:
        with connect(access) as connection:
            connection.execute("SELECT 1")

    with ExitStack() as held, ExitStack() as open_:
        for _ in range(size):
            connection = open_.enter_context(connect(access))
            connection.execute("BEGIN")
            connection.execute("SELECT 1")
        held.enter_context(_threads(wait, 1))
        yield


@contextmanager
def _queue_for_a_lock(cluster: Cluster, length: int) -> Iterator[None]:
    """Sessions on the primary itself, each waiting for what one other holds."""
    access = cluster.access("primary", passwords.SUPERUSER, "appdb")

    def wait(_: int) -> None:
        with connect(access) as connection:
            connection.execute("SELECT pg_advisory_xact_lock(83)")

    with _threads(wait, 0), ExitStack() as waiting, connect(access) as holder:
        holder.execute("SELECT pg_advisory_lock(83)")
        waiting.enter_context(_threads(wait, length))
        yield


def _deadlock(cluster: Cluster, pairs: int) -> None:
    """Pairs of sessions that each want what the other has."""
    access = cluster.access("primary", passwords.SUPERUSER, "appdb")
    together = [threading.Barrier(2, timeout=20) for _ in range(pairs)]

    def clash(number: int) -> None:
        pair, side = divmod(number, 2)
        first, second = (pair * 2 + 1000 + (side ^ turn) for turn in (0, 1))
        with connect(access) as connection, connection.transaction():
            connection.execute("SELECT pg_advisory_xact_lock(%s)", (first,))
            together[pair].wait()
            connection.execute("SELECT pg_advisory_xact_lock(%s)", (second,))

    with _threads(clash, pairs * 2):
        pass


@contextmanager
def _out_of_memory(cluster: Cluster) -> Iterator[None]:
    """A container of the project's that takes more memory than it may have."""
    project = cluster.stack.topology.project
    name = f"{project}-glutton-1"
    image = cluster.docker("inspect", "--format", "{{.Config.Image}}", cluster.container("exporter")).strip()
    belongs = ["--label", f"com.docker.compose.project={project}", "--label", "com.docker.compose.service=glutton"]
    limits = ["--memory", "32m", "--memory-swap", "32m", "--network", "none", "--entrypoint", "python3"]
    command = [
        "docker",
        "run",
        "--name",
        name,
        *belongs,
        *limits,
        image,
        "-c",
        "x = [bytes(1 << 20) * 200]; print(x[0][0])",
    ]
    assert subprocess.run(command, capture_output=True, check=False).returncode == 137
    try:
        yield
    finally:
        cluster.docker("rm", "--force", name)


@contextmanager
def _only_the_link_cut(cluster: Cluster, node: str) -> Iterator[None]:
    """``node`` and its primary do not reach each other; the exporter reaches both, over a second network."""
    aside, network = f"{cluster.stack.topology.project}-aside", _network(cluster)
    container, exporter = cluster.container(node), cluster.container("exporter")
    cluster.docker("network", "create", "--internal", aside)
    try:
        cluster.docker("network", "connect", aside, exporter)
        cluster.docker("network", "connect", "--alias", node, aside, container)
        cluster.docker("network", "disconnect", network, container)
        yield
    finally:
        with contextlib.suppress(AssertionError):
            cluster.docker("network", "connect", "--alias", node, network, container)
        for service in (container, exporter):
            with contextlib.suppress(AssertionError):
                cluster.docker("network", "disconnect", aside, service)
        cluster.docker("network", "rm", aside)


def test_the_watchdog_barks_and_is_heard(watch: Watch) -> None:
    project = watch.cluster.stack.topology.project
    watch.wait_for(sign("PodsWatchdog", cluster=project))
    assert all(alert.get("cluster") == project for alert in watch.firing())
    eventually(lambda: sign("PodsWatchdog").is_in(watch.told("firing")), 90, "the watchdog is heard")


def test_a_test_alert_follows_the_routes_of_a_file_of_one_s_own(watch: Watch) -> None:
    report = json.loads(watch.cluster.inv.ok("alerts.test", "--json").out)
    assert report == [{"receiver": "people/webhook[0]", "state": "delivered", "answer": ""}]
    assert sign("PodsTest", severity="warning").is_in(watch.told("firing"))


@pytest.mark.parametrize("metric", sorted(OF_RECEIVERS))
def test_what_is_counted_of_a_receiver_is_scraped_with_its_labels(watch: Watch, metric: str) -> None:
    """Before a message failed, too: a counter that begins with its first failure has no rate then."""

    def counted() -> set[frozenset[str]]:
        found = Web(watch.cluster).prometheus("query", query=f'{metric}{{receiver_name="people"}}')["result"]
        return {frozenset(series["metric"]) for series in found}

    eventually(counted, 60, f"{metric} was scraped")
    assert all(labels >= OF_RECEIVERS[metric] for labels in counted())


def test_the_weekly_report_comes_and_is_no_alert(watch: Watch, cluster: Cluster) -> None:
    report = sign("PodsReport", cluster=cluster.stack.topology.project, report="weekly")
    eventually(lambda: report.is_in(watch.told("firing")), 60, "the report is told", pause=1)
    (text, *_) = (each["annotations"] for each in watch.messages() if each["labels"]["alertname"] == "PodsReport")
    assert text["summary"].startswith(f"the week of {cluster.stack.topology.project}: ")
    assert re.search(r"^Databases: .+, of a week ago not known\.$", text["description"], re.MULTILINE)
    assert re.search(r"^Disk: .+, not full within a year\.$", text["description"], re.MULTILINE)
    listed = _listed(cluster)
    assert [each["name"] for each in listed["reports"]] == ["PodsReport"]
    assert "PodsReport" not in {each["name"] for each in listed["alerts"]}


def test_what_fires_is_listed_silenced_and_on_the_page(watch: Watch, cluster: Cluster) -> None:
    """A silence is one however often it is asked for, and holds over a restart of Alertmanager."""
    with _done(cluster, "SELECT pg_wal_replay_pause()", "SELECT pg_wal_replay_resume()", "replica2"):
        watch.wait_for(sign("PodsReplayPaused", instance="replica2"))
        eventually(lambda: _state(cluster) == "firing", 90, "it is listed", pause=1)
        assert _alert(_listed(cluster))["command"] == "inv logs --service replica2"
        eventually(lambda: _on_page(cluster).startswith('<tr data-mood="warn"><th'), 60, "it is on the page", pause=1)
        ask = ("alerts.silence", "PodsReplayPaused", "--node", "replica2")
        for span in ("10m", "20m"):
            assert "nobody is told of PodsReplayPaused of replica2 until" in cluster.inv.ok(*ask, "--for", span).out
        (held,) = _silences(cluster)
        assert held["node"] == "replica2"
        eventually(lambda: _state(cluster) == "silenced", 60, "it is silenced", pause=1)
        eventually(lambda: 'class="quiet"' in _on_page(cluster), 60, "it is grey", pause=1)
        assert held["id"] in cluster.inv.ok("alerts.unsilence", "PodsReplayPaused").out
        eventually(lambda: _state(cluster) == "firing", 60, "people are told again", pause=1)
        cluster.inv.ok(*ask)
        (held,) = _silences(cluster)
        cluster.docker("restart", cluster.container("alertmanager"))
        eventually(lambda: _silences(cluster) == [held], 60, "the silence holds", pause=1)
        cluster.inv.ok("alerts.unsilence", held["id"])
        assert _silences(cluster) == []
    watch.wait_for_end(sign("PodsReplayPaused", instance="replica2"))


def _listed(cluster: Cluster) -> dict[str, Any]:
    """What `inv alerts.list --json` says, whether or not all of it is known."""
    found: dict[str, Any] = json.loads(cluster.inv("alerts.list", "--json").out)
    return found


def _silences(cluster: Cluster) -> list[dict[str, Any]]:
    """Those of the alert of this test."""
    return [each for each in _listed(cluster)["silences"] if each["alert"] == "PodsReplayPaused"]


def _alert(listed: dict[str, Any]) -> dict[str, Any]:
    """The alert of this test among them, or nothing."""
    return next((alert for alert in listed["alerts"] if alert["name"] == "PodsReplayPaused"), {})


def _state(cluster: Cluster) -> str:
    return str(_alert(_listed(cluster)).get("state"))


def _on_page(cluster: Cluster) -> str:
    """Its row on the health page."""
    page = fetch(cluster.stack.settings.health_port, "/").body
    return next((row for row in re.findall(r"<tr data-mood=.*?</tr>", page) if "PodsReplayPaused" in row), "")


def test_what_clients_do_to_servers_and_pools(watch: Watch, cluster: Cluster) -> None:
    wanted = [
        sign("PodsPgbouncerWaiting", database="appdb_write"),
        sign("PodsPgbouncerMaxWait", database="appdb_write"),
        sign("PodsPgbouncerPoolPaused", name="appdb_read1"),
        sign("PodsIdleInTransaction", instance="primary"),
        sign("PodsLongTransaction", instance="primary"),
        sign("PodsBlockedBackends", instance="primary"),
        sign("PodsDeadlocks", instance="primary", datname="appdb"),
        sign("PodsReplayPaused", instance="replica2"),
        sign("PodsReplicationLagBytes", instance="replica2"),
        sign("PodsSettingsPendingRestart", instance="replica1"),
        sign("PodsContainerOom", name=f"{cluster.stack.topology.project}-glutton-1"),
    ]
    waste = "CREATE TABLE waste AS SELECT repeat(md5(n::text), 30) AS filler FROM generate_series(1, 70000) n"
    pending = "ALTER SYSTEM SET max_files_per_process = 999;SELECT pg_reload_conf()"
    # PostgreSQL forgets that a restart is wanted only when it reads the value it has, not when the line is gone
    as_it_is = "ALTER SYSTEM SET max_files_per_process = 1000;SELECT pg_reload_conf();SELECT pg_sleep(1)"
    taken_back = f"{as_it_is};ALTER SYSTEM RESET max_files_per_process;SELECT pg_reload_conf()"
    with ExitStack() as faults:
        faults.enter_context(
            _done(cluster, "SELECT pg_wal_replay_pause()", "SELECT pg_wal_replay_resume()", "replica2")
        )
        faults.enter_context(_done(cluster, waste, "DROP TABLE waste"))
        faults.enter_context(_done(cluster, pending, taken_back, "replica1"))
        faults.enter_context(_console(cluster, "PAUSE appdb_read1", "RESUME appdb_read1"))
        faults.enter_context(_out_of_memory(cluster))
        faults.enter_context(_full_pool(cluster))
        faults.enter_context(_queue_for_a_lock(cluster, 7))
        _deadlock(cluster, 7)
        watch.wait_for(*wanted)
        told = [s for s in wanted if s.name not in ("PodsSettingsPendingRestart", "PodsPgbouncerWaiting")]
        eventually(lambda: all(s.is_in(watch.told("firing")) for s in told), 30, "the webhook is told")
    watch.wait_for_end(*wanted)
    eventually(lambda: all(s.is_in(watch.told("resolved")) for s in told), 30, "the webhook is told of the end")
    assert not sign("PodsSettingsPendingRestart").is_in(watch.told("firing")), "information is not sent"


def test_a_cut_link_and_a_paused_node(watch: Watch, cluster: Cluster) -> None:
    cut = [
        sign("PodsReplicationBroken", instance="replica2"),
        sign("PodsReplicationLagSeconds", instance="replica2"),
        sign("PodsReplicaNotStreaming", instance="replica2"),
        sign("PodsSlotInactive", slot_name="replica2_slot", node="replica2"),
    ]
    paused = [
        sign("PodsNodeDown", instance="replica1"),
        sign("PodsContainerNotRunning", node="replica1"),
        sign("PodsSlotInactive", slot_name="replica1_slot", node="replica1"),
    ]
    with _only_the_link_cut(cluster, "replica2"), _docker(cluster, "pause", "unpause", "replica1"):
        watch.wait_for(*cut, *paused, sign("PodsNoReplicaStreams"))
        assert not sign("PodsNodeDown", instance="replica2").is_in(watch.firing()), "the node itself is well"
        eventually(lambda: sign("PodsNodeDown", node="replica1").is_in(watch.told("firing")), 30, "told of the node")
    watch.wait_for_end(*cut, *paused, sign("PodsNoReplicaStreams"))


def test_a_killed_replica_and_pgbouncer_away(watch: Watch, cluster: Cluster) -> None:
    wanted = [
        sign("PodsNodeDown", instance="replica1"),
        sign("PodsContainerNotRunning", node="replica1"),
        sign("PodsReplicaNotStreaming", instance="replica1"),
        sign("PodsSlotInactive", slot_name="replica1_slot"),
        sign("PodsPgbouncerDown"),
        sign("PodsContainerNotRunning", node="pgbouncer"),
    ]
    with _docker(cluster, "kill", "start", "replica1"), _docker(cluster, "stop", "start", "pgbouncer"):
        watch.wait_for(*wanted)
    watch.wait_for_end(*wanted)
    watch.wait_for(sign("PodsNodeRestarted", instance="replica1"))
    watch.wait_for_end(sign("PodsNodeRestarted", instance="replica1"))


def test_no_primary_and_nobody_to_tell(watch: Watch, cluster: Cluster) -> None:
    wanted = [
        sign("PodsNoPrimary"),
        sign("PodsNodeDown", instance="primary"),
        sign("PodsReplicationBroken", instance="replica1"),
        sign("PodsAlertmanagerDown"),
    ]
    with _docker(cluster, "kill", "start", "primary"), _docker(cluster, "stop", "start", "alertmanager"):
        watch.wait_for(*wanted)
        assert not sign("PodsReplicaNotStreaming").is_in(watch.firing()), "without a primary nobody can tell"
    watch.wait_for_end(*wanted)


def test_who_watches_is_watched(watch: Watch, cluster: Cluster) -> None:
    with _docker(cluster, "stop", "start", "gate"):
        watch.wait_for(sign("PodsGateDown"))
        with _docker(cluster, "stop", "start", "exporter"):
            watch.wait_for(sign("PodsExporterDown"))
            watch.wait_for_end(sign("PodsGateDown"))
            assert not sign("PodsNodeDown").is_in(watch.firing()), "what is not known is not said"
    watch.wait_for_end(sign("PodsExporterDown"), sign("PodsGateDown"))


def test_a_disk_that_gets_full(watch: Watch, cluster: Cluster) -> None:
    """The disk is as it is; where its fullness begins is moved, and moved back."""
    rules = (ROOM / "alerts.yml").read_text(encoding="utf-8")
    full = [sign("PodsDiskLow", mount=node, severity="warning") for node in cluster.stack.topology.names]
    _load(cluster, **{"rules/alerts.yml": _impatient(rules, _SOONER | _FULL_DISK)})
    watch.wait_for(*full)
    _load(cluster, **{"rules/alerts.yml": _impatient(rules, _SOONER)})
    watch.wait_for_end(*full)


def test_a_replica_that_comes_and_goes_raises_nothing(watch: Watch, cluster: Cluster) -> None:
    """A slow clone, longer than any rule waits: hence the one alert that says so, which in earnest waits six hours."""
    raised: list[dict[str, str]] = []
    rules = (ROOM / "alerts.yml").read_text(encoding="utf-8")
    _load(cluster, **{"rules/alerts.yml": _impatient(rules, _SOONER, patience="4s")})
    over = threading.Event()

    def look() -> None:
        while not over.wait(0.5):
            raised.extend(alert for alert in watch.firing() if "replica3" in json.dumps(alert))

    looking = threading.Thread(target=look, daemon=True)
    looking.start()
    try:
        cluster.inv.ok("replica.add", "--name", "replica3", "--max-rate", "2M")
        eventually(lambda: "replica3" in Web(cluster).targets(), 20, "replica3 is watched")
    finally:
        over.set()
        looking.join(10)
        cluster.inv("replica.remove", "--name", "replica3", "--purge", "--yes", "--timeout", "0")
    assert {alert["alertname"] for alert in raised} == {"PodsReplicaUnfinished"}
    nodes = set(cluster.stack.topology.names)
    eventually(lambda: _shown(cluster, "now-5s") == nodes, 60, "no panel is of a node that is gone", pause=1)
    assert _shown(cluster, "now-5m") >= nodes | {"replica3"}


def _shown(cluster: Cluster, since: str) -> set[str]:
    """Nodes of which the built-in dashboards draw a panel each."""
    login = ("health", cluster.stack.passwords["health"])
    answer = fetch(cluster.stack.settings.health_port, f"/dashboards/pods-overview/choices?from={since}&to=now", login)
    assert answer.status == 200, answer
    return set(json.loads(answer.body)["instance"])


def test_what_is_said_is_whole(watch: Watch) -> None:
    """Texts as people get them, of every alert of this file."""
    texts = [text for alert in watch.messages() for text in alert["annotations"].values()]
    assert len(set(texts)) > 20
    for text in texts:
        said = text.replace("{{json .State.Health}}", "")  # of a command: Docker's own
        assert not re.search(r"no value|error expanding|%!|\{\{", said), text
