"""The health service on the live stack: true, quick and unimpressed while nodes stop, hang and vanish."""

import json
import re
import shutil
import signal
import socket
import ssl
import statistics
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

import httpx
import psycopg
import pytest

from cluster.errors import MachineError
from cluster.insight.statement_document import parse_document
from cluster.pools import pools
from cluster.postgres.connection import connect
from compose.home import passwords
from health.app import HealthService
from health.auth import Authentication
from health.checks import CHECKS
from health.routes import METHODS
from health.server import BOUNDS, make_server
from tests.fix_inv import Inv
from tests.fix_ports import free_ports
from tests.fix_settings import settings_of, with_databases
from tests.fix_stack import Cluster, new_project, purge, write_env
from tests.fix_wait import eventually, once_within
from tests.unit.health.status_samples import TOPOLOGY, polled, view_of
from tests.unit.serving import serving
from tests.unit.snapshot_samples import as_wanted, with_pool

if TYPE_CHECKING:
    from playwright.sync_api import Page

CHROMIUM = shutil.which("chromium")
HAPROXY = shutil.which("haproxy")


# what a call of httpx.get does beside, reading every authority's certificate, takes longer than the answer
_CLIENT = httpx.Client(
    timeout=5, trust_env=False, verify=False, limits=httpx.Limits(max_keepalive_connections=0, max_connections=None)
)


@dataclass
class Health:
    """The service, asked from the host."""

    cluster: Cluster

    @property
    def url(self) -> str:
        """Where it is."""
        return f"http://127.0.0.1:{self.cluster.stack.settings.health_port}"

    def ask(self, path: str, host: str = "") -> httpx.Response:
        """GET over a connection of its own, by another name if one is given."""
        return _CLIENT.get(self.url + path, headers={"Host": host} if host else {})

    def code(self, path: str) -> int:
        """The status of a GET."""
        return self.ask(path).status_code

    def until(self, path: str, code: int, seconds: float = 10.0) -> float:
        """Wait for ``path`` to answer with ``code``; seconds it took."""
        began, found = time.monotonic(), ""
        while not found.startswith(f"{code} "):
            assert time.monotonic() - began < seconds, f"{path} did not become {code}: {found}"
            time.sleep(0.05 if found else 0)
            found = self._answer(path)
        return time.monotonic() - began

    def _answer(self, path: str) -> str:
        """Code and text of an answer, or why there is none: a host with other things to do may keep it waiting."""
        try:
            answer = self.ask(path)
        except httpx.TransportError as error:
            return repr(error)
        return f"{answer.status_code} {answer.text}"

    @property
    def threads(self) -> int:
        """Threads of the service's process."""
        status = Path(f"/proc/{self.cluster.main_pid('health')}/status").read_text()
        return int(re.findall(r"^Threads:\s+(\d+)", status, re.MULTILINE)[0])


@pytest.fixture
def health(cluster: Cluster) -> Health:
    found = Health(cluster)
    found.until("/health", 200, 30)
    return found


@contextmanager
def _paused(cluster: Cluster, *services: str) -> Iterator[None]:
    containers = [cluster.container(service) for service in services]
    cluster.docker("pause", *containers)
    try:
        yield
    finally:
        cluster.docker("unpause", *containers)


@contextmanager
def _stopped(cluster: Cluster, *services: str) -> Iterator[None]:
    cluster.compose("stop", *services)
    try:
        yield
    finally:
        cluster.inv.ok("up")


@contextmanager
def _killed(cluster: Cluster, service: str) -> Iterator[float]:
    """Moment of the monotonic clock just before it was killed."""
    container, before = cluster.container(service), time.monotonic()
    cluster.docker("kill", container)
    try:
        yield before
    finally:
        cluster.inv.ok("up")


def test_the_cluster_as_it_should_be(health: Health) -> None:
    told = health.ask("/health").json()
    assert (told["status"], told["reasons"], told["primary"]) == ("healthy", [], "primary")
    assert told["age"] < 5
    assert [node["state"] for node in told["nodes"]] == ["running", "streaming", "streaming"]
    assert health.ask("/primary").json()["nodes"] == ["primary"]
    assert health.ask("/replica?lag=10MB").json()["nodes"] == ["replica1", "replica2"]


def test_it_says_what_inv_status_says(health: Health) -> None:
    status, told = health.cluster.status(), health.ask("/health").json()
    assert (told["healthy"], told["reasons"], told["notes"]) == (status["healthy"], status["reasons"], status["notes"])
    same = {"name", "role", "wanted_role", "state", "port", "timeline", "sync", "slot", "wal_status", "io_method"}
    assert [{k: n[k] for k in same} for n in told["nodes"]] == [{k: n[k] for k in same} for n in status["nodes"]]


def test_its_container_can_do_nothing_but_tell(health: Health) -> None:
    (found,) = json.loads(health.cluster.docker("inspect", health.cluster.container("health")))
    host = found["HostConfig"]
    assert not found["Config"]["User"].startswith(("0", "root"))
    assert host["ReadonlyRootfs"]
    assert host["CapDrop"] == ["ALL"]
    assert "no-new-privileges:true" in host["SecurityOpt"]
    mounts = found["Mounts"]
    assert not [mount for mount in mounts if "docker.sock" in mount["Source"]]
    # who is out of the pool of all readers, for PgBouncer's container
    data = health.cluster.home.path / "data"
    assert {mount["Source"] for mount in mounts if mount["RW"]} == {
        str(data / each) for each in (".readers", ".insight", ".findings")
    }
    assert {port["HostIp"] for ports in host["PortBindings"].values() for port in ports} == {"127.0.0.1"}


def test_nothing_secret_is_in_any_answer(health: Health) -> None:
    known = [path.read_text().strip() for path in health.cluster.home.secrets.glob("*_password")]
    assert len(known) > 4
    for path in ("/", "/health", "/cluster", "/history", "/health/replication", "/openapi.json", "/nodes/primary"):
        text = health.ask(path).text
        assert not [secret for secret in known if secret in text], path


@pytest.mark.alone
def test_a_stopped_replica_is_known_at_once_and_forgotten_when_it_is_back(health: Health) -> None:
    def noticed() -> float:
        with _stopped(health.cluster, "replica2"):
            took = health.until("/nodes/replica2/replica", 503)
            assert health.code("/health") == 503
            assert any(
                reason.startswith("replica2 (replica) does not answer")
                for reason in health.ask("/health").json()["reasons"]
            )
            assert health.ask("/replica").json()["nodes"] == ["replica1"]
            assert health.code("/primary") == 200
        health.until("/nodes/replica2/replica?lag=10MB", 200, 30)
        return took

    once_within(3, noticed)


@pytest.mark.alone
def test_a_node_that_hangs_costs_no_request_anything_and_no_thread(health: Health) -> None:
    before = health.threads

    def slowest() -> float:
        """Of all requests while a node hangs for as long as several looks at it take."""
        times: list[float] = []
        ages: list[float] = []
        threads: list[int] = []
        until = time.monotonic() + 15
        while time.monotonic() < until:
            began = time.monotonic()
            told = health.ask("/nodes/replica2/replica?lag=10MB")
            times.append(time.monotonic() - began)
            assert told.status_code == 200
            ages.append(told.json()["age"])
            threads.append(health.threads)
            time.sleep(0.02)
        nodes = len(health.cluster.stack.topology.names)  # once a minute the counters of statements are read as well
        assert max(threads) <= before + 2 + 2 * nodes
        assert max(threads[len(threads) // 2 :]) <= max(threads[: len(threads) // 2]) + 1 + nodes
        # half a second for an answer, one and a half for what it says, five at the very most
        return max(max(times), statistics.median(ages) / 3, max(ages) / 10)

    with _paused(health.cluster, "replica1"):
        health.until("/nodes/replica1/replica", 503)
        once_within(0.5, slowest)
    health.until("/health", 200, 30)


@pytest.mark.alone
def test_a_conversation_with_a_server_that_hangs_is_given_up(cluster: Cluster) -> None:
    access = replace(cluster.access("replica1", passwords.MONITOR, "postgres"), patience=2.0)
    with connect(access) as connection:
        connection.execute("SELECT 1")
        with _paused(cluster, "replica1"):
            began = time.monotonic()
            with pytest.raises(MachineError, match="gave no answer within 2 s"):
                connection.execute("SELECT 1")
            assert time.monotonic() - began < 4
            assert connection.closed


def _asked_while_ill(health: Health) -> float:
    """Seconds until the service says that the cluster is ill."""
    time.sleep(0.1)
    began = time.monotonic()
    assert health.code("/health") == 503
    return time.monotonic() - began


@pytest.mark.alone
def test_with_every_node_hanging_there_is_an_answer_with_reasons(health: Health) -> None:
    names = health.cluster.stack.topology.names
    with _paused(health.cluster, *names, "pgbouncer"):
        health.until("/primary", 503)
        once_within(0.5, lambda: max(_asked_while_ill(health) for _ in range(40)))
        reasons = health.ask("/health").json()["reasons"]
        assert {name for name in names if any(reason.startswith(f"{name} (") for reason in reasons)} == set(names)
        assert health.code("/livez") == 200
    health.until("/health", 200, 30)


# those that want to be alone follow each other: each time they wait for the other lane's test to end
@pytest.mark.alone
def test_an_idle_thousand_keeps_nobody_out_and_is_sent_away(health: Health) -> None:
    def usual() -> float:
        took = []
        for _ in range(50):
            began = time.monotonic()
            assert health.code("/primary") == 200
            took.append(time.monotonic() - began)
        return statistics.median(took)

    port = health.cluster.stack.settings.health_port
    idle = [socket.create_connection(("127.0.0.1", port)) for _ in range(1000)]
    try:
        once_within(0.2, usual)
        for connection in idle:
            connection.settimeout(20)
            assert connection.recv(1) == b""
    finally:
        for connection in idle:
            connection.close()


@pytest.mark.alone
def test_the_page_shows_a_stopped_replica_within_three_seconds(health: Health, page: "Page") -> None:
    def shown() -> float:
        # no function to wait for: what is not true at once is evaluated in the page, which its policy forbids
        page.wait_for_selector("#headline:text-is('All is well')")
        eventually(lambda: page.locator("#links .wal.moving").count() == 2, 10, "both replicas stream")
        with _killed(health.cluster, "replica2") as killed:
            # a poll that fell into the very moment found it alive, and its stream gone already: bad, and "streaming"
            page.wait_for_selector("#card-replica2[data-mood=bad] .state:text-is('not answering')")
            took = time.monotonic() - killed
            assert page.eval_on_selector_all("#links .wal.moving", "paths => paths.length") == 1
            assert "replica2 (replica) does not answer" in (page.text_content("#reasons") or "")
            assert page.get_attribute("body", "data-status") == "degraded"
        page.wait_for_selector("body[data-status=healthy]")
        return took

    once_within(3, shown)


def test_with_every_node_gone_there_is_an_answer_with_reasons(health: Health) -> None:
    with _stopped(health.cluster, *health.cluster.stack.topology.names, "pgbouncer"):
        health.until("/primary", 503)
        told = health.ask("/health")
        assert told.status_code == 503
        assert len([reason for reason in told.json()["reasons"] if "does not answer" in reason]) == 4
    health.until("/health", 200, 30)


def test_replicas_come_and_go_without_a_word_to_the_service(health: Health) -> None:
    container = health.cluster.container("health")
    health.cluster.inv.ok("replica.add", "--name", "blue")
    try:
        health.until("/nodes/blue/replica?lag=10MB", 200)
        assert "blue" in health.ask("/replica").json()["nodes"]
    finally:
        health.cluster.inv.ok("replica.remove", "--name", "blue", "--purge", "--yes")
    health.until("/nodes/blue/replica", 404)
    assert health.cluster.container("health") == container


_CHECKS_BUT_TWO = "|".join(check for check in CHECKS if check not in ("primary", "replica"))


@pytest.mark.chaos
@pytest.mark.parametrize("examples", [1, 8])
def test_under_fire_it_does_what_its_document_says(health: Health, tmp_path: Path, examples: int) -> None:
    """All checks have one handler: the sample takes two of them, on any node and on one; the walk takes all."""
    schemathesis = shutil.which("schemathesis", path=str(Path(sys.executable).parent))
    assert schemathesis
    run = [schemathesis, "run", f"{health.url}/openapi.json", "--exclude-path", "/events", "--workers", "1"]
    # dashboards and insight answer nobody else
    run += [
        "--header",
        f"Authorization: Bearer {(health.cluster.home.secrets / 'health_password').read_text().strip()}",
    ]
    # 503 is how a check says no, so server errors are none in themselves; a 500 is in no operation's list of codes
    checks = "status_code_conformance,content_type_conformance,response_schema_conformance"
    run += ["--checks", f"{checks},negative_data_rejection,unsupported_method", "--phases", "examples,coverage,fuzzing"]
    if examples == 1:
        run += ["--exclude-path-regex", rf"^/(nodes/\{{name\}}/)?({_CHECKS_BUT_TWO})$"]
    # it keeps what it found in the directory it runs in
    done = subprocess.run(
        [*run, "--max-examples", str(examples)], capture_output=True, text=True, check=False, cwd=tmp_path
    )
    assert done.returncode == 0, done.stdout[-6000:]


@contextmanager
def _chromium(url: str) -> Iterator["Page"]:
    """The page in a headless Chromium, live; its scripts make no error."""
    if not CHROMIUM:
        pytest.skip("no chromium on this host")
    from playwright.sync_api import sync_playwright

    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=CHROMIUM, args=["--no-sandbox"])
        shown = browser.new_page()
        shown.set_default_timeout(60_000)
        errors: list[str] = []
        shown.on("pageerror", lambda error: errors.append(str(error)))
        shown.on("console", lambda said: errors.append(said.text) if said.type == "error" else None)
        shown.goto(url)
        shown.wait_for_selector("#card-replica2")
        yield shown
        assert errors == []
        browser.close()


@pytest.fixture
def page(health: Health) -> Iterator["Page"]:
    with _chromium(health.url) as shown:
        yield shown


@pytest.fixture
def page_of_fifty() -> Iterator["Page"]:
    """Of a cluster with fifty databases, in one of whose pools a client waits: a service that does not look again."""
    settings = with_databases(settings_of(), 50)
    snapshot = with_pool(as_wanted(TOPOLOGY, pools(settings, TOPOLOGY)), "shop37_read", clients_waiting=1)
    watcher = polled(view_of(snapshot, settings=settings), age=-3600)
    (port,) = free_ports(1)
    server = make_server(HealthService(watcher, Authentication(b"")), port=port)
    with serving(server, BOUNDS, lambda: False), _chromium(f"http://127.0.0.1:{port}") as shown:
        yield shown


def test_of_fifty_databases_the_page_shows_what_is_in_trouble_and_finds_the_others(page_of_fifty: "Page") -> None:
    page = page_of_fifty

    def listed(table: str) -> list[str]:
        found: list[str] = page.locator(f"#{table} tbody th").all_text_contents()
        return found

    page.wait_for_selector("#pools tr[data-mood=bad]")
    assert listed("pools") == ["shop37_read"]
    assert len(listed("databases")) == 12
    assert page.text_content("#more-databases") == "and 38 more, all well"
    assert page.text_content("#card-pgbouncer .more") == "and 42 more, all well"
    page.fill("#filter", "SHOP41")
    page.wait_for_selector("#pools th:text-is('shop41_write')")
    assert listed("pools") == [f"shop41{kind}" for kind in ("", "_write", "_read", "_read1", "_read2")]
    page.fill("#filter", "nobody")
    page.wait_for_selector("#more-pools:text-is('no pool is called so')")
    page.fill("#filter", "")
    page.wait_for_selector("#pools th:text-is('shop37_read')")
    page.set_viewport_size({"width": 360, "height": 740})
    assert page.evaluate("document.documentElement.scrollWidth") <= 360


def test_the_page_is_shown_though_hundreds_listen_and_read_nothing(health: Health, page: "Page") -> None:
    address = ("127.0.0.1", health.cluster.stack.settings.health_port)
    mute = [socket.create_connection(address) for _ in range(300)]
    try:
        for connection in mute:
            connection.sendall(b"GET /events HTTP/1.1\r\nHost: localhost\r\n\r\n")
        page.reload()
        page.wait_for_selector("#card-replica2")
        assert health.code("/nodes/primary/primary") == 200
    finally:
        for connection in mute:
            connection.close()


@pytest.mark.parametrize("name", ["evil.example", "evil.example:8080", "127.0.0.1.evil.example"])
def test_another_site_s_name_for_this_host_is_refused(health: Health, name: str) -> None:
    assert health.ask("/health", host=name).status_code == 421
    exporter = f"http://127.0.0.1:{health.cluster.stack.settings.exporter_port}/sd"
    assert httpx.get(exporter, headers={"Host": name}, trust_env=False).status_code == 421


def test_a_refusal_is_not_logged(health: Health) -> None:
    container, began = health.cluster.container("health"), str(time.time())
    with httpx.Client(base_url=health.url, trust_env=False) as client:
        codes = [
            client.request(m, p).status_code
            for m, p in (("GET", "/nothing"), ("PUT", "/health"), ("GET", "/replica?x=1"))
        ]
    assert codes == [404, 405, 400]
    assert not health.cluster.docker("logs", "--since", began, container)


def test_the_page_says_when_there_is_no_news(health: Health, page: "Page") -> None:
    with _paused(health.cluster, "health"):
        # silent with other words it is for a moment after the service came back from the test before
        page.wait_for_selector("body[data-status=silent] #headline:text('No news for')", timeout=40_000)
    page.wait_for_selector("body[data-status=healthy]")


def test_the_page_is_readable_on_a_phone_and_by_keyboard(page: "Page") -> None:
    page.set_viewport_size({"width": 360, "height": 740})
    assert page.evaluate("document.documentElement.scrollWidth") <= 360
    page.keyboard.press("Tab")
    assert page.evaluate("document.activeElement.textContent") == "Skip to the tables"
    named = "e => e.hidden || e.id === 'tables' || e.ariaLabel"
    assert page.evaluate(f"[...document.querySelectorAll('section, .scroll, svg[role=img]')].every({named})")
    assert page.get_attribute("#verdict", "aria-live") == "polite"


@contextmanager
def _balancer(health: Health, directory: Path) -> Iterator[tuple[int, int]]:
    """HAProxy that knows addresses and asks for everything else; ports for writes and reads."""
    writes, reads = free_ports(2)
    check = f"check port {health.cluster.stack.settings.health_port} addr 127.0.0.1"
    topology, path = health.cluster.stack.topology, "/nodes/%[srv_name]"
    ports = {name: health.cluster.access(name).port for name in topology.names}
    servers = "\n".join(f"  server {name} 127.0.0.1:{port}" for name, port in ports.items())
    (directory / "haproxy.cfg").write_text(
        "defaults\n  mode tcp\n  timeout connect 2s\n  timeout client 60s\n  timeout server 60s\n  timeout check 2s\n"
        f"  default-server {check} inter 500ms fall 2 rise 1 on-marked-down shutdown-sessions\n"
        f"listen writes\n  bind 127.0.0.1:{writes}\n  option httpchk\n"
        f"  http-check send meth OPTIONS uri-lf {path}/primary\n  http-check expect status 200\n{servers}\n"
        f"listen reads\n  bind 127.0.0.1:{reads}\n  balance roundrobin\n  option httpchk\n"
        f"  http-check send meth GET uri-lf {path}/replica?lag=10MB\n  http-check expect status 200\n{servers}\n"
    )
    assert HAPROXY
    running = subprocess.Popen([HAPROXY, "-f", str(directory / "haproxy.cfg"), "-db"], stderr=subprocess.DEVNULL)
    try:
        yield writes, reads
        assert running.poll() is None
    finally:
        running.send_signal(signal.SIGTERM)
        running.wait(10)


def _serving_nodes(health: Health, port: int, times: int = 6) -> set[str]:
    """Which nodes serve so many connections to ``port``; none while one of them is refused."""
    access = health.cluster.access("primary", passwords.APP, "appdb")
    how = {"host": "127.0.0.1", "port": port, "user": access.user, "password": access.password}
    found = set()
    for _ in range(times):
        try:
            with psycopg.connect(**how, dbname="appdb", sslmode="require") as connection:  # type: ignore[arg-type]
                row = connection.execute("SELECT current_setting('cluster_name')").fetchone()
                found.add(row[0] if row else "")
        except psycopg.OperationalError:
            return set()
    return found


@pytest.mark.skipif(not HAPROXY, reason="no haproxy on this host")
def test_haproxy_routes_by_these_checks_alone(health: Health, tmp_path: Path) -> None:
    with _balancer(health, tmp_path) as (writes, reads):
        both = {"replica1", "replica2"}
        eventually(lambda: _serving_nodes(health, writes) == {"primary"}, 15, "writes reach the primary")
        eventually(lambda: _serving_nodes(health, reads) == both, 15, "reads reach both replicas")
        with _stopped(health.cluster, "replica1"):
            eventually(lambda: _serving_nodes(health, reads) == {"replica2"}, 15, "reads leave what stopped")
            assert _serving_nodes(health, writes) == {"primary"}
        eventually(lambda: _serving_nodes(health, reads) == both, 15, "reads reach both again")


@pytest.fixture
def guarded(tmp_path: Path, built: None) -> Iterator[Cluster]:
    """A small cluster whose health service asks for its secret, over TLS."""
    settings = {"PODS_REPLICAS": "0", "PODS_MONITORING": "off", "PODS_HEALTH_AUTH": "on", "PODS_HEALTH_TLS": "on"}
    write_env(tmp_path, new_project("guarded"), **settings)
    inv = Inv(tmp_path)
    try:
        inv.ok("up", timeout=900)
        yield Cluster(inv)
    finally:
        purge(inv)


def test_with_a_secret_and_tls(guarded: Cluster) -> None:
    url = f"https://127.0.0.1:{guarded.stack.settings.health_port}/health"
    trust = ssl.create_default_context(cafile=str(guarded.home.ca))
    secret = (guarded.home.secrets / "health_password").read_text().strip()

    def code(**how: Any) -> int:
        return httpx.get(url, verify=trust, trust_env=False, **how).status_code

    assert code() == 401
    assert code(headers={"Authorization": "Bearer wrong"}) == 401
    eventually(lambda: code(headers={"Authorization": f"Bearer {secret}"}) == 200, 15, "who knows the secret is let in")
    assert code(auth=("health", secret)) == 200
    with pytest.raises(httpx.ConnectError):
        httpx.get(url, trust_env=False)


def test_methods_are_those_of_patroni() -> None:
    assert METHODS == ("GET", "HEAD", "OPTIONS")


_TWO_READINGS = """
import json, sys, time
from cluster.config.mounted import MountedConfig
from cluster.insight.statement_document import as_json
from health.insight.statement_recorder import StatementRecorder
from health.insight.statement_store import StatementStore
recorder = StatementRecorder(MountedConfig(), StatementStore())
recorder.record()
print("read once", flush=True)
sys.stdin.readline()
recorder.record()
print(json.dumps(as_json(recorder.span(time.time() - 60, time.time() + 1))))
"""


def test_what_readers_execute_is_counted_on_the_replica(health: Health) -> None:
    """In the service's container, where a recorder of its own need not wait for the next minute."""
    cluster = health.cluster
    exec_ = ["docker", "exec", "--interactive", cluster.container("health"), "python3", "-c", _TWO_READINGS]
    with subprocess.Popen(exec_, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True) as recorder:
        assert recorder.stdin is not None
        assert recorder.stdout is not None
        assert recorder.stdout.readline() == "read once\n"
        for _ in range(7):
            cluster.query(
                "SELECT 'counted by', count(*) FROM pg_catalog.pg_am", "pgbouncer", passwords.APP, "appdb_read"
            )
        found = parse_document(recorder.communicate("\n")[0])
    (queryid,) = {queryid for (_, queryid), text in found.texts.items() if "pg_am" in text}
    works = {key.node: work.calls for key, work in found.works.items() if key.queryid == queryid}
    assert sum(works.values()) == 7
    assert works.keys() <= {"replica1", "replica2"}
    assert found.unread == {}
    assert found.coverage.keys() == {"primary", "replica1", "replica2"}
    assert not [text for text in found.texts.values() if "counted by" in text]


def test_the_service_itself_keeps_what_statements_do(health: Health) -> None:
    secret = (health.cluster.home.secrets / "health_password").read_text().strip()
    assert health.code("/insight/statements") == 401
    headers = {"Authorization": f"Bearer {secret}"}
    names = set(health.cluster.stack.topology.names)  # it knows of nodes too that another test had within this hour

    def known() -> bool:
        found = _CLIENT.get(f"{health.url}/insight/statements?since=3600", headers=headers)
        return found.status_code == 200 and set(parse_document(found.content).coverage) >= names

    eventually(known, 130, "every node was read twice")
    (store,) = (health.cluster.home.data / ".insight").glob("statements.db")
    assert store.stat().st_mode & 0o077 == 0
