"""Alertmanager by itself, as `inv up` would run it, and receivers of alerts that keep what they got."""

import http.server
import json
import re
import secrets
import subprocess
import threading
import urllib.request
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from cluster.files import write_atomically
from cluster.http.client import WebAccess, request_bytes, request_json
from compose.operations.alerts.deliveries import Delivery
from compose.operations.alerts.trial_alert import Line, TrialAlert, follow
from compose.render.alertmanager_yml import MESSAGES, RECEIVERS, SECRETS, SHIPPED, alertmanager_yml
from tests.fix_images import images
from tests.fix_lanes import run_label
from tests.fix_ports import one_free_port
from tests.fix_settings import settings_of
from tests.fix_wait import wait_for_http

TELEGRAM = b'{"ok":true,"result":{"message_id":1,"date":1,"chat":{"id":-1001,"type":"group"}}}'
NTFY = "pods-test/ntfy"
Answer = tuple[int, bytes]


@dataclass(frozen=True)
class Posted:
    """One request that came in."""

    path: str
    headers: Mapping[str, str]
    body: bytes

    @property
    def json(self) -> Any:
        """Its body."""
        return json.loads(self.body)


@dataclass
class HookServer:
    """Takes every POST. ``answers``: by a word of the path, what it answers instead of 200; None: nothing, ever."""

    port: int
    answers: dict[str, Answer | None] = field(default_factory=dict)
    posted: list[Posted] = field(default_factory=list)
    closing: threading.Event = field(default_factory=threading.Event)

    def url(self, path: str) -> str:
        """An address at which it takes them."""
        return f"http://127.0.0.1:{self.port}/{path}"

    def at(self, path: str) -> list[Posted]:
        """What came to a path."""
        return [each for each in self.posted if each.path.split("?")[0] == f"/{path}"]

    def answer(self, path: str) -> Answer | None:
        """What it says to a request for ``path``."""
        found: Answer = (200, TELEGRAM if path.startswith("/bot") else b"ok")
        return next((answer for word, answer in self.answers.items() if word in path), found)


@contextmanager
def hook_server(**answers: Answer | None) -> Iterator[HookServer]:
    """One on a port of its own, for as long as the body runs."""
    hooks = HookServer(one_free_port(), dict(answers))

    class Handler(http.server.BaseHTTPRequestHandler):
        def do_POST(self) -> None:
            body = self.rfile.read(int(self.headers["Content-Length"]))
            hooks.posted.append(Posted(self.path, dict(self.headers), body))
            answer = hooks.answer(self.path)
            if answer is None:
                hooks.closing.wait()
                return
            self.send_response(answer[0])
            self.send_header("Content-Length", str(len(answer[1])))
            self.end_headers()
            self.wfile.write(answer[1])

        def log_message(self, *_: object) -> None:
            pass

    server = http.server.ThreadingHTTPServer(("127.0.0.1", hooks.port), Handler)
    thread = threading.Thread(target=server.serve_forever, args=(0.05,), daemon=True)
    thread.start()
    try:
        yield hooks
    finally:
        hooks.closing.set()
        server.shutdown()
        server.server_close()
        thread.join(10)


def docker(*arguments: str) -> str:
    """Its output, both kinds; an error fails the test."""
    done = subprocess.run(["docker", *arguments], capture_output=True, text=True, check=False)
    assert not done.returncode, done.stderr
    return done.stdout + done.stderr


@dataclass(frozen=True)
class Alerting:
    """One Alertmanager: its directory with the files that it reads, its name and its port."""

    directory: Path
    name: str
    port: int

    @property
    def access(self) -> WebAccess:
        """How it is reached."""
        here = self.directory / "ca.crt"
        return WebAccess(service="alertmanager", host="127.0.0.1", port=self.port, secure=False, password="", ca=here)

    def secret(self, name: str, text: str) -> None:
        """Put a file into its secrets, or another one in its place."""
        write_atomically(self.directory / "secrets" / name, text + "\n", 0o600)

    def configure(self, changes: Mapping[str, Mapping[str, object]] | None = None, /, **settings: str) -> None:
        """The configuration that `up` would render; ``changes``: what a test replaces in ways of a kind."""
        import yaml

        there = frozenset(path.name for path in (self.directory / "secrets").iterdir())
        config = yaml.safe_load(alertmanager_yml(settings_of(**settings), there))
        for receiver in config["receivers"]:
            for key, change in (changes or {}).items():
                for way in receiver.get(key, ()):
                    way |= change
        for route in config["route"]["routes"]:
            route["group_interval"] = "1s"  # an end is said soon; and who is silent is given up after 10 s, the least
        self.load(yaml.safe_dump(config, sort_keys=False))

    def load(self, config: str) -> None:
        """Let it take up another configuration."""
        write_atomically(self.directory / "etc" / RECEIVERS, config)
        write_atomically(self.directory / "etc" / MESSAGES, SHIPPED.with_name(MESSAGES).read_text(encoding="utf-8"))
        if docker("ps", "--quiet", "--filter", f"name={self.name}"):
            request_bytes(self.access, "/-/reload", method="POST")

    def start(self) -> None:
        """Start it, and wait until it answers."""
        options = [
            "--storage.path=/tmp/data",
            "--cluster.listen-address=",
            f"--web.listen-address=127.0.0.1:{self.port}",
        ]
        mounts = [f"--volume={self.directory}/etc:/etc/alertmanager", f"--volume={self.directory}/secrets:{SECRETS}"]
        run = ["run", "--detach", "--name", self.name, "--network=host", "--user=0", *run_label(), *mounts]
        program = ["--entrypoint=alertmanager", images().alertmanager, f"--config.file=/etc/alertmanager/{RECEIVERS}"]
        docker(*run, *program, *options, "--enable-feature=receiver-name-in-metrics")
        self.wait()

    def wait(self) -> None:
        """Until it answers."""
        wait_for_http(
            f"http://127.0.0.1:{self.port}/-/ready", lambda: bool(docker("ps", "-q", "-f", f"name={self.name}"))
        )

    def send(self, mark: str, ended: str = "", **texts: str) -> None:
        """An alert: ``texts`` are its labels, those that begin with `about_` annotations."""
        about = {name.removeprefix("about_"): text for name, text in texts.items() if name.startswith("about_")}
        labels = {name: text for name, text in texts.items() if not name.startswith("about_")}
        body = {"labels": {"cluster": "shop", "mark": mark, **labels}, "annotations": about}
        request_json(self.access, "/api/v2/alerts", method="POST", body=[body | ({"endsAt": ended} if ended else {})])

    def test(self, only: str = "", patience: float = 60.0) -> dict[str, Delivery]:
        """What `inv alerts.test` finds, by Alertmanager's name for each receiver."""
        alert = TrialAlert(mark=secrets.token_hex(8), cluster="shop", severity="warning", only=only)
        line = Line(self.access, lambda since: docker("logs", "--since", f"{int(since) - 1}", self.name))
        return {each.receiver.partition("/")[2]: each for each in follow(line, alert, patience)}


@contextmanager
def alerting(directory: Path) -> Iterator[Alerting]:
    """One that runs once it is started, and is gone in the end."""
    for name in ("etc", "secrets"):
        (directory / name).mkdir()
    made = Alerting(directory, f"pods-test-alerts-{secrets.token_hex(4)}", one_free_port())
    try:
        yield made
    finally:
        subprocess.run(["docker", "rm", "--force", made.name], capture_output=True, check=False)


@dataclass(frozen=True)
class Ntfy:
    """Debian's ntfy in a container. Nobody writes to it, or reads, without a token."""

    name: str
    url: str
    token: str

    def messages(self, topic: str) -> list[dict[str, Any]]:
        """What came to a topic."""
        request = urllib.request.Request(
            f"{self.url}/{topic}/json?poll=1", headers={"Authorization": f"Bearer {self.token}"}
        )
        with urllib.request.urlopen(request, timeout=10) as answer:
            return [json.loads(line) for line in answer.read().splitlines()]


@contextmanager
def ntfy_server() -> Iterator[Ntfy]:
    """One, for as long as the body runs."""
    images()  # its base
    docker("build", "--quiet", "--tag", NTFY, str(Path(__file__).with_name("ntfy")))
    name, port = f"pods-test-ntfy-{secrets.token_hex(4)}", one_free_port()
    url = f"http://127.0.0.1:{port}"
    listen = ["--listen-http", f"127.0.0.1:{port}", "--base-url", url, "--cache-file", "/tmp/cache.db"]
    users = ["--auth-file", "/tmp/users.db"]
    run = ["run", "--detach", "--name", name, "--network=host", *run_label(), NTFY]
    docker(*run, "ntfy", "serve", *listen, *users, "--auth-default-access", "deny-all")
    try:
        wait_for_http(f"{url}/v1/health", lambda: bool(docker("ps", "-q", "-f", f"name={name}")))
        within = ["exec", "--env", "NTFY_PASSWORD=not-asked-for", "--env", "NTFY_AUTH_FILE=/tmp/users.db", name, "ntfy"]
        docker(*within, "user", "add", "--role=admin", "pods")
        token = re.search(r"tk_\w+", docker(*within, "token", "add", "pods"))
        assert token is not None
        yield Ntfy(name, url, token[0])
    finally:
        subprocess.run(["docker", "rm", "--force", name], capture_output=True, check=False)
