"""Every form of `inv connect` with its real driver, in a home whose path somebody forgets to quote: `nox -s drivers`.

Packages of npm and Debian are downloaded for it, which the gate does not do.
"""

import shlex
import socket
import socketserver
import sys
import threading
from collections.abc import Iterator
from contextlib import suppress
from pathlib import Path

import pytest

from tests.fix_connect import RUN, Printed, answers_of, expected, runs
from tests.fix_downloaded_drivers import PACKAGED
from tests.fix_inv import Inv
from tests.fix_stack import BARE, Cluster, new_project, purge, write_env

pytestmark = pytest.mark.drivers
ODD = "odd $HOME ${USER} $$ 'q' \"d\" {x} #1 #{1} <%= 1 %> Äöü [a-z]* ,src=x a+b 100%41&c ; \\"
"""A directory's name."""
DECLARED = '[databases.shop-eu]\nowner = "shop"\n[roles.reporting]\nread = ["shop-eu"]\n'


@pytest.fixture(scope="module")
def kept(tmp_path_factory: pytest.TempPathFactory, built: None) -> Iterator[Cluster]:
    """A cluster with one replica and a declared database, in an odd home."""
    home = tmp_path_factory.mktemp("drivers") / ODD
    home.mkdir()
    write_env(home, new_project("drivers"), PODS_REPLICAS="1", **BARE)
    (home / "config").mkdir()
    (home / "config" / "databases.toml").write_text(DECLARED)
    cluster = Cluster(Inv(home))
    cluster.inv.ok("up", timeout=600)
    yield cluster
    purge(cluster.inv)


@pytest.mark.parametrize("form", sorted(RUN))
def test_a_form_runs_as_it_is_printed(
    kept: Cluster, form: str, debian: None, tmp_path: Path, request: pytest.FixtureRequest
) -> None:
    folder = request.getfixturevalue("packages") if form in PACKAGED else tmp_path
    runs(kept, form, folder, "shop-eu", role="shop")


@pytest.mark.parametrize("form", ["psql", "asyncpg", "compose"])
def test_a_form_of_a_declared_role_that_reads_runs_as_it_is_printed(kept: Cluster, form: str, tmp_path: Path) -> None:
    runs(kept, form, tmp_path, "shop-eu", "--role", "reporting", role="reporting")


def test_java_takes_servers_login_and_password_from_its_own_file(kept: Cluster, debian: None, tmp_path: Path) -> None:
    """Also where a path in it, or a database's name, is odd."""
    file = kept.home.role_secrets / "shop.jdbc"
    services = (f"jdbc:postgresql:///?service=shop-eu{kind}" for kind in ("", "_read", "_direct"))
    printed = Printed("\n".join([f"export PGSERVICEFILE={shlex.quote(str(file))}", *services]), tmp_path, kept)
    assert RUN["jdbc"](printed) == expected("jdbc", "shop")


_DROPPED = """
with psycopg.connect(**POOL, dbname="appdb") as connection:
    for number in 2 * [*range(300)]:
        assert connection.execute(f"SELECT {number} + %s", [0], prepare=True).fetchone() == (number,)
"""


def test_psycopg_drops_what_it_prepared_in_the_middle_of_a_transaction(kept: Cluster, tmp_path: Path) -> None:
    text = kept.inv.ok("connect", "--as", "python").out
    printed = Printed(text, tmp_path, kept)
    printed.run(sys.executable, str(printed.write("program.py", text + _DROPPED)))


class _Hop(socketserver.BaseRequestHandler):
    """One connection, led on to PgBouncer."""

    def handle(self) -> None:
        with socket.create_connection(("127.0.0.1", self.request.getsockname()[1])) as onward:
            back = threading.Thread(target=_pump, args=(onward, self.request), daemon=True)
            back.start()
            _pump(self.request, onward)
            back.join()


def _pump(source: socket.socket, target: socket.socket) -> None:
    with suppress(OSError):
        while data := source.recv(65536):
            target.sendall(data)
        target.shutdown(socket.SHUT_WR)


@pytest.fixture(scope="module")
def elsewhere(kept: Cluster) -> Iterator[str]:
    """PgBouncer at an address that no certificate names."""
    port = kept.access().port
    with socketserver.ThreadingTCPServer(("127.0.0.9", port), _Hop) as server:
        server.daemon_threads = True
        threading.Thread(target=server.serve_forever, daemon=True).start()
        yield "127.0.0.9"
        server.shutdown()


@pytest.mark.parametrize("form", ["python", "asyncpg", "node", "prisma", "jdbc", "rails"])
def test_a_server_of_another_name_is_refused(
    kept: Cluster, form: str, elsewhere: str, debian: None, tmp_path: Path, request: pytest.FixtureRequest
) -> None:
    folder = request.getfixturevalue("packages") if form in PACKAGED else tmp_path
    text = kept.inv.ok("connect", "--as", form).out
    with pytest.raises(AssertionError, match=r"certificate|altnames|Server name validation"):
        answers_of(kept, text.replace("127.0.0.1", elsewhere), form, folder)
