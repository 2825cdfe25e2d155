"""From restored data to a copy's: today's passwords in it, and read-only unless it was asked for otherwise.

All of it is done by PostgreSQL's single-user mode in a container without a network: until the copy is started whole,
no server listens anywhere.
"""

from pathlib import Path

from cluster import queries
from cluster.errors import MachineError
from cluster.files import Directory
from cluster.postgres.connection import literal
from cluster.postgres.data_directory import PGDATA, standby_minimums
from cluster.postgres.scram import make_verifier
from compose.engine.host import host_facts_of
from compose.engine.throwaway_container import Mount, ThrowawayContainer
from compose.home.passwords import SUPERUSER
from compose.home.paths import containers_owner
from compose.home.role_passwords import read_all
from compose.process import last_words
from compose.stack import Stack

_DATA = f"/copy/{PGDATA}"
_STAYS = "allow_in_place_tablespaces"
"""Tablespaces became folders in the restore, and the server needs this parameter whenever it recovers."""
_AUTO = "postgresql.auto.conf"
_SINGLE_USER = ("postgres", "--single", "-j", "-c", "exit_on_error=on", "-c", "log_min_error_statement=panic")
"""Ends at the first error, and repeats no statement, which may hold a verifier."""


def prepare(stack: Stack, directory: Path, *, writable: bool) -> None:
    """Make the data below ``directory``, recovered and shut down, a copy's.

    A copy that is not ``writable`` is a standby of nobody: PostgreSQL itself lets nobody write in it, the superuser
    included.

    Raises:
        MachineError: PostgreSQL did not take it; carries its last words.
    """
    least = standby_minimums(_run(stack, directory, "pg_controldata", _DATA))
    with Directory.open(directory) as copy:
        _configure(copy, least)
        _run(stack, directory, *_SINGLE_USER, "-D", _DATA, "postgres", stdin=_statements(stack))
        if not writable:
            _write(copy, "standby.signal", "")


def _configure(copy: Directory, least: dict[str, str]) -> None:
    """Nothing holds in a copy of what ALTER SYSTEM set in the cluster, but what no server could start without.

    ``least`` are the limits that the WAL in the data was written with: a standby does not start with less.
    """
    before = copy.read(PGDATA / _AUTO).decode(errors="replace").splitlines()
    kept = {_STAYS: "on"} if any(line.startswith(_STAYS) for line in before) else {}
    _write(copy, _AUTO, "".join(f"{name} = {value}\n" for name, value in (kept | least).items()))


def _write(copy: Directory, name: str, text: str) -> None:
    """On the disk before the topology has the copy: what lost its signal in a power cut would take writes."""
    copy.write(PGDATA / name, text, 0o600, containers_owner())


def _statements(stack: Stack) -> str:
    """One after the other, as single-user mode reads them with -j: each ends with a semicolon and an empty line."""
    declared = read_all(stack.home, stack.settings)
    roles = {name: each.password for each in declared for name in (each.role, each.login)}
    roles["postgres"] = stack.passwords[SUPERUSER]
    parts = ["SET default_transaction_read_only = off", *(_login(*role) for role in roles.items())]
    return "".join(f"{part.strip()};\n\n" for part in parts)


def _login(role: str, password: str) -> str:
    from psycopg import sql

    parts = {"name": literal(role), "role": sql.Identifier(role), "verifier": literal(make_verifier(password))}
    return sql.SQL(queries.get("ensure_login")).format(**parts).as_string()


def _run(stack: Stack, directory: Path, *command: str, stdin: str = "") -> str:
    """Run one of PostgreSQL's programs on the data, in a container that can reach nothing else; its stdout."""
    facts = host_facts_of(stack.home, stack.settings, stack.topology)
    done = ThrowawayContainer(
        image=facts.images.postgres,
        project=stack.topology.project,
        command=command,
        user=facts.user,
        mounts=(
            Mount(source=directory, target="/copy", writable=True),
            Mount(source=stack.home.rendered / "passwd", target="/etc/passwd"),
        ),
        environment={"LC_ALL": "C.UTF-8"},
    ).run(stdin=stdin)
    if done.returncode:
        raise MachineError(f"{command[0]} failed ({done.returncode}): {last_words(done.stderr or done.stdout)}")
    return done.stdout
