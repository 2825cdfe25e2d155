"""Declared databases and roles on a real server: any row of versions of the file, what is done by hand, who locks."""

from collections.abc import Callable, Iterable, Iterator
from contextlib import suppress
from dataclasses import dataclass, field
from itertools import count
from typing import Any

import psycopg
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from cluster import pgbouncer
from cluster.config.databases import Declarations
from cluster.errors import MachineError, RefusedError, UsageError
from cluster.pools import check_lengths, pools_of_databases
from cluster.sizing import derive
from compose.operations import provision
from compose.operations.databases import execution
from compose.operations.databases.drift import Drift
from compose.operations.databases.execution import statement
from compose.operations.databases.plan import memberships
from compose.render.pgbouncer_ini import pgbouncer_ini
from compose.render.postgresql_conf import pg_hba_conf
from tests import hostile
from tests.fix_chaos import walk
from tests.fix_declared_server import DeclaredServer, declared_server
from tests.fix_images import images
from tests.fix_postgres import Container, idle
from tests.fix_settings import topology_of
from tests.fix_wait import eventually

_number = count()
_BASES, _ROLES = ("shop", "my-blog", "_"), ("ada", "bob-2", "staff")


@pytest.fixture(scope="module")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[DeclaredServer]:
    with declared_server(tmp_path_factory.mktemp("declared") / "box") as found:
        yield found


@dataclass(frozen=True)
class Version:
    """One version of the file: its databases, and profiles by role and database."""

    bases: frozenset[str]
    profiles: dict[tuple[str, str], str]

    def text(self, owners: dict[str, str], run: int) -> str:
        """As a user would write it; each run has names of its own."""
        lines = [f'[databases."{base}{run}"]\nowner = "{owners[base]}{run}"' for base in sorted(self.bases)]
        for role in _ROLES:
            lines.append(f'[roles."{role}{run}"]')
            for profile in ("read", "write", "owner"):
                named = [f'"{base}{run}"' for (who, base), each in self.profiles.items()
                         if (who, each) == (role, profile) and base in self.bases]  # fmt: skip
                lines.append(f"{profile} = [{', '.join(named)}]")
        return "\n".join(lines)


_versions = st.builds(
    Version,
    st.frozensets(st.sampled_from(_BASES), min_size=1),
    st.dictionaries(
        st.tuples(st.sampled_from(_ROLES), st.sampled_from(_BASES)),
        st.sampled_from(["read", "write", "owner"]),
        max_size=5,
    ),
)
_owners = st.fixed_dictionaries({base: st.sampled_from((base, *_ROLES)) for base in _BASES})
_quick = settings(max_examples=4, deadline=None, suppress_health_check=list(HealthCheck))


@given(owners=_owners, versions=st.lists(_versions, min_size=2, max_size=3))
@_quick
def test_any_row_of_versions_converges(server: DeclaredServer, owners: dict[str, str], versions: list[Version]) -> None:
    _Walk(server, owners).walk(versions)


@pytest.mark.walk
@pytest.mark.chaos
@given(owners=_owners, versions=st.lists(_versions, min_size=2, max_size=5))
@settings(_quick, max_examples=60)
def test_long_rows_of_versions_converge(
    server: DeclaredServer, owners: dict[str, str], versions: list[Version]
) -> None:
    _Walk(server, owners).walk(versions)


@dataclass
class _Walk:
    """One row of versions, and what must be so after each: nothing left to do, no row lost, rights as declared."""

    server: DeclaredServer
    owners: dict[str, str]
    run: int = field(default_factory=lambda: next(_number))
    edges: set[tuple[str, str]] = field(default_factory=set)
    tables: dict[str, list[str]] = field(default_factory=dict)
    owner_of: dict[str, str] = field(default_factory=dict)

    def walk(self, versions: Iterable[Version]) -> None:
        for version in versions:
            text = version.text(self.owners, self.run)
            try:
                declared = self.server.settings(text).declared
            except UsageError:  # a circle of owners
                continue
            converged = self.server.converge(text)
            assert not converged.failed
            changes, drift = self.server.planned(text)
            assert [each.title for each in changes] == []
            self.edges |= {(role.name, group) for role in declared.roles for group in memberships(role, declared)}
            self._check_drift(declared, drift)
            self._write(declared)
            self._check_rights(declared)

    def _check_drift(self, declared: Declarations, drift: list[Drift]) -> None:
        """Who is a member of something by an earlier version and not by this one."""
        wanted = {(role.name, group) for role in declared.roles for group in memberships(role, declared)}
        ours = {role.name for role in declared.roles}
        ours |= {group for each in declared.databases for group in (each.reader, each.writer)}
        beyond = {f"{member} is a member of {group}" for member, group in self.edges - wanted if group in ours}
        assert {each.text for each in drift if " is a member of " in each.text} == beyond

    def _write(self, declared: Declarations) -> None:
        """Each owner, and whoever acts as one, makes a table with a row."""
        for database in declared.databases[1:]:
            self.owner_of[database.name] = database.owner
            acting = [role.name for role in declared.roles if database.name in role.owner]
            for role in dict.fromkeys((database.owner, *acting)):
                name = f"t{len(self.tables.setdefault(database.name, []))}"
                self.server.sql(database.name, f"CREATE TABLE {name} AS SELECT 1 AS n", role=role)
                self.tables[database.name].append(name)

    def _check_rights(self, declared: Declarations) -> None:
        for base, tables in self.tables.items():
            counted = " UNION ALL ".join(f"SELECT count(*) AS n FROM {name}" for name in tables)
            assert [row["n"] for row in self.server.sql(base, counted)] == [1] * len(tables)
            rows = self.server.sql(
                base,
                f"""SELECT r.rolname AS role, bool_and(has_table_privilege(r.oid, c.oid, 'SELECT')) AS reads,
                           bool_or(has_table_privilege(r.oid, c.oid, 'SELECT')) AS reads_some,
                           bool_and(has_table_privilege(r.oid, c.oid, 'UPDATE')) AS writes,
                           bool_or(has_table_privilege(r.oid, c.oid, 'UPDATE')) AS writes_some,
                           bool_and(pg_get_userbyid(c.relowner) = '{self.owner_of[base]}') AS owned,
                           bool_and(has_database_privilege(r.oid, current_database(), 'CONNECT')) AS enters
                    FROM pg_class c, pg_roles r WHERE c.relkind = 'r' AND c.relnamespace = 'public'::regnamespace
                    AND r.rolcanlogin AND NOT r.rolsuper AND r.rolname ~ '{self.run}$' GROUP BY 1""",
            )
            found = {row["role"]: tuple(row.values())[1:] for row in rows}
            assert found == {role: self._expected(role, base) for role in found}

    def _expected(self, role: str, base: str) -> tuple[bool, ...]:
        """Nothing is taken away: by all versions so far together."""
        reached, waiting = {role}, [role]
        while waiting:
            name = waiting.pop()
            found = {group for member, group in self.edges if member == name} - reached
            reached |= found
            waiting += found
        writes = bool(reached & {self.owner_of[base], f"{base}_writer"})
        reads = writes or f"{base}_reader" in reached
        return (reads, reads, writes, writes, True, reads)


def _roles(server: DeclaredServer) -> set[str]:
    return {row["rolname"] for row in server.sql("postgres", "SELECT rolname FROM pg_roles")}


def test_what_is_refused_of_one_stops_no_other(server: DeclaredServer) -> None:
    text = """
        [databases.odd_value]
        settings = { work_mem = "lots" }
        [databases.odd_parameter]
        settings = { no_such_parameter = 1, statement_timeout = "7s" }
        [databases.odd_locale]
        locale_provider = "libc"
        locale = "xx_YY.utf8"
        [databases.fine]
        settings = { statement_timeout = "8s" }
        [roles.fine_reader_of_all]
        read = ["fine", "odd_value"]
    """
    found = server.converge(text)
    assert list(found.failed) == ["work_mem of odd_value", "no_such_parameter of odd_parameter", "database odd_locale"]
    assert found.failure is not None
    assert found.failure.message == (
        'work_mem of odd_value: invalid value for parameter "work_mem": "lots"; and 2 more'
    )
    assert server.sql("fine", "SHOW statement_timeout", role="fine") == [{"statement_timeout": "8s"}]
    assert server.sql("odd_parameter", "SHOW statement_timeout", role="odd_parameter")[0]["statement_timeout"] == "7s"
    server.sql("odd_value", "CREATE TABLE t (n int)", role="odd_value")
    assert server.sql("odd_value", "SELECT * FROM t", role="fine_reader_of_all") == []
    mended = text.replace("lots", "5MB").replace("no_such_parameter = 1, ", "").replace("xx_YY.", "C.")
    assert not server.converge(mended).failed
    assert server.planned(mended)[0] == []


@pytest.mark.parametrize(
    ("declared", "refusal"),
    [
        ("[roles.eve]\nmember_of = ['nobody_of_that_name']", "nobody_of_that_name, and there is no such role"),
        ("[roles.eve]\nmember_of = ['chief']", "leads to chief, which is more than an application"),
        ("[roles.eve]\nmember_of = ['deputy']", "leads to chief, which is more than an application"),
        ("[roles.eve]\nmember_of = ['runner']", "leads to pg_execute_server_program"),
        ("[roles.eve]\n[roles.chief]", "the role chief is declared, and the server has one"),
        ("[databases.taken]\n[roles.eve]\nread = ['taken']", "taken_reader is to be the group of a profile"),
    ],
)
def test_a_group_that_is_not_there_or_leads_too_far_is_refused_before_anything(
    server: DeclaredServer, declared: str, refusal: str
) -> None:
    made = "chief SUPERUSER", "deputy IN ROLE chief", "taken_reader LOGIN", "runner IN ROLE pg_execute_server_program"
    server.sql("postgres", *(f"CREATE ROLE {each}" for each in made))
    try:
        with pytest.raises(RefusedError, match=refusal):
            server.converge(declared)
        assert "eve" not in _roles(server)
    finally:
        server.sql("postgres", "DROP ROLE chief, deputy, runner, taken_reader")


_BY_HAND: dict[str, Callable[[DeclaredServer], object]] = {
    "owner lets in": lambda s: s.sql("hand", "GRANT CONNECT, TEMPORARY ON DATABASE hand TO app", role="hand"),
    "owner lets all in": lambda s: s.sql("hand", "GRANT CONNECT ON DATABASE hand TO PUBLIC", role="hand"),
    "superuser lets in": lambda s: s.sql("hand", "GRANT CREATE ON DATABASE hand TO app"),
    "a member": lambda s: s.sql("hand", "GRANT hand_writer TO app; GRANT hand TO hand_guest"),
    "settings": lambda s: s.sql(
        "hand", "ALTER DATABASE hand SET work_mem = '9MB'; ALTER ROLE hand_guest SET work_mem = '9MB';"
        "ALTER ROLE hand_guest IN DATABASE hand SET work_mem = '9MB'"
    ),
    "attributes": lambda s: s.sql("hand", "ALTER ROLE hand_guest CREATEDB"),
    "a table is closed": lambda s: s.sql("hand", "REVOKE SELECT ON t FROM hand_reader", role="hand"),
    "a table takes no rows": lambda s: s.sql("hand", "REVOKE INSERT ON t FROM hand_writer", role="hand"),
    "a schema is closed": lambda s: s.sql("hand", "REVOKE USAGE ON SCHEMA inside FROM hand_reader", role="hand"),
    "a stranger's table": lambda s: s.sql("hand", "CREATE TABLE public.of_postgres (n int)"),
    "the schema of another": lambda s: s.sql("hand", "ALTER SCHEMA public OWNER TO app"),
}  # fmt: skip


@pytest.mark.parametrize("what", _BY_HAND)
def test_what_was_done_by_hand_is_shown_and_ended_by_the_sql_that_is_shown(server: DeclaredServer, what: str) -> None:
    text = "[databases.hand]\n[roles.hand_guest]\nread = ['hand']\n[roles.hand_clerk]\nwrite = ['hand']"
    server.converge(text)
    for made in (
        "TABLE IF NOT EXISTS t (n int)",
        "SCHEMA IF NOT EXISTS inside",
        "TABLE IF NOT EXISTS inside.t (n int)",
    ):
        server.sql("hand", f"CREATE {made}", role="hand")
    assert server.planned(text) == ([], [])
    _BY_HAND[what](server)
    changes, drift = server.planned(text)
    assert changes == [], "it is fought"
    assert drift
    for each in drift:
        server.sql(each.cure.database, statement(each.cure))
    assert server.planned(text) == ([], [])


def test_a_profile_that_its_owner_took_away_from_tables_to_come_is_given_back(server: DeclaredServer) -> None:
    text = "[databases.future]\n[roles.seer]\nread = ['future']\n[roles.maker]\nwrite = ['future']"
    server.converge(text)
    every = (
        "SELECT ON TABLES FROM future_reader",
        "USAGE ON SCHEMAS FROM future_reader",
        "DELETE ON TABLES FROM future_writer",
    )
    for revoked in every:
        server.sql("future", f"ALTER DEFAULT PRIVILEGES REVOKE {revoked}", role="future")
        assert server.planned(text)[0]
        assert not server.converge(text).failed
        assert server.planned(text) == ([], [])


def test_another_owner_is_told_what_the_last_one_keeps(server: DeclaredServer) -> None:
    server.converge("[databases.sold]\nowner = 'seller'")
    text = "[databases.sold]\nowner = 'buyer'"
    server.converge(text)
    drift = server.planned(text)[1]
    assert "the schema public of sold belongs to seller, not to buyer" in [each.text for each in drift]
    with pytest.raises(psycopg.errors.InsufficientPrivilege):
        server.sql("sold", "CREATE TABLE t (n int)", role="buyer")
    for each in drift:
        server.sql(each.cure.database, statement(each.cure))
    server.sql("sold", "CREATE TABLE t (n int)", role="buyer")
    assert server.planned(text) == ([], [])


_HELD = {
    "a table": "LOCK TABLE t IN ACCESS EXCLUSIVE MODE",
    "a table's rights": "GRANT SELECT ON t TO app",
    "the schema": "GRANT USAGE ON SCHEMA public TO app",
    "defaults": "ALTER DEFAULT PRIVILEGES GRANT SELECT ON TABLES TO app",
    "the database": "GRANT CONNECT ON DATABASE held TO app",
}


@pytest.mark.parametrize("what", _HELD)
def test_who_holds_something_open_for_ever_stops_nobody_else_and_not_for_long(
    server: DeclaredServer, what: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    run = next(_number)
    server.converge("[databases.held]")
    server.sql("held", "CREATE TABLE IF NOT EXISTS t (n int)", role="held")
    text = (
        f"[databases.held]\nsettings = {{ work_mem = '{run + 1}MB' }}\n[databases.other{run}]\n"
        f"[roles.guest{run}]\nread = ['held', 'other{run}']\n[roles.clerk{run}]\nwrite = ['held', 'other{run}']"
    )
    monkeypatch.setattr(server, "patience", 1.0)
    with server.session("held", "held") as holder:
        holder.execute("BEGIN")
        holder.execute(_HELD[what].encode())
        found = server.converge(text)
        assert len(found.failed) <= 1
        assert all("held" in reason and "timeout" in reason for reason in found.failed.values()), found.failed
        server.sql(f"other{run}", "CREATE TABLE t (n int)", role=f"other{run}")
        assert server.sql(f"other{run}", "SELECT * FROM t", role=f"guest{run}") == []
    assert not server.converge(text).failed
    assert server.planned(text)[0] == []
    server.sql("held", "ALTER DEFAULT PRIVILEGES FOR ROLE held REVOKE ALL ON TABLES FROM held_reader, held_writer")


def test_a_thousand_tables_of_odd_names_are_granted_in_one_go(server: DeclaredServer) -> None:
    server.converge("[databases.many]")
    made = """DO $do$ BEGIN FOR i IN 1..1000 LOOP
        EXECUTE format('CREATE TABLE %I.%I (n int)', 'od d"''; --', 't"' || i || ' ü;--''$x$'); END LOOP; END $do$"""
    server.sql("many", """CREATE SCHEMA "od d""'; --" """, made, role="many")
    text = "[databases.many]\n[roles.curious]\nread = ['many']\n[roles.busy]\nwrite = ['many']"
    assert not server.converge(text).failed
    assert server.planned(text) == ([], [])
    odd = """ "od d""'; --"."t""1000 ü;--'$x$" """
    assert server.sql("many", f"INSERT INTO {odd} VALUES (1)", f"SELECT n FROM {odd}", role="busy") == [{"n": 1}]
    assert server.sql("many", f"SELECT n FROM {odd}", role="curious") == [{"n": 1}]


_STATEMENTS = 24
"""More than there are, with what each database and role of the file takes."""


@pytest.mark.parametrize("after", walk(range(_STATEMENTS), sample=(0, 7, 9, 18)))
def test_whoever_is_killed_between_two_statements_goes_on_the_next_time(
    server: DeclaredServer, after: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    run, sent = next(_number), count()
    text = f"""
        [databases.cut{run}]
        settings = {{ work_mem = "5MB" }}
        [roles.cutter{run}]
        read = ["cut{run}"]
        connection_limit = 4
        [roles.mender{run}]
        owner = ["cut{run}"]
        [roles.filler{run}]
        write = ["cut{run}"]
    """
    send = execution._send

    def dying(*arguments: Any) -> None:
        if next(sent) == after:
            raise KeyboardInterrupt
        send(*arguments)

    with monkeypatch.context() as patched:
        patched.setattr(execution, "_send", dying)
        with suppress(KeyboardInterrupt):
            server.converge(text)
    assert next(sent) <= _STATEMENTS, "the walk is too short"
    assert not server.converge(text).failed
    assert server.planned(text) == ([], [])
    server.sql(f"cut{run}", "CREATE TABLE t AS SELECT 1 AS n", role=f"mender{run}")
    server.sql(f"cut{run}", "INSERT INTO t VALUES (2)", role=f"filler{run}")
    assert server.sql(f"cut{run}", "SELECT sum(n) AS n FROM t", role=f"cutter{run}") == [{"n": 3}]
    with pytest.raises(MachineError, match="permission denied"):
        server.sql(f"cut{run}", "SELECT 1", role="app")


def test_a_hostile_owner_of_a_declared_database_gets_nothing_and_stops_nothing(server: DeclaredServer) -> None:
    """Names of the catalog's, operators and functions that lead to ``helper.own()``: it would make `app` superuser."""
    text = '[databases.lair]\nsettings = { work_mem = "5MB" }'
    server.converge(text)
    server.sql("lair", *hostile.schema(), *hostile.settings("ROLE lair"), role="lair")
    more = text + "\n[roles.victim]\nread = ['lair']\n[roles.prey]\nwrite = ['lair']\n[roles.partner]\nowner = ['lair']"
    assert not server.converge(more).failed
    assert server.planned(more)[0] == []
    assert provision.examine(server.superuser, server.settings(more)) == ()
    mighty = "SELECT rolname FROM pg_authid WHERE rolsuper OR rolcreaterole OR rolcreatedb OR rolreplication"
    assert [row["rolname"] for row in server.sql("postgres", mighty + " ORDER BY 1")] == [
        "archiver",
        "postgres",
        "replicator",
    ]
    with server.session("lair", "postgres") as careless:
        careless.execute("SET search_path = helper, public, pg_catalog")
        careless.execute("SELECT * FROM pg_roles")
    assert {"rolname": "app"} in server.sql("postgres", mighty), "this test would prove nothing"
    server.sql("postgres", "ALTER ROLE app NOSUPERUSER")


ODD_NAMES = (
    "_",
    "a-",
    "a--b",
    "select",
    "null",
    "true",
    "all_",
    "replica",
    "x" * 50,
    "y-" * 24,
    "pg-x",
    "samegroup-1",
    "e_100",
)
"""All that letters, digits, _ and - can be mistaken for."""


def test_postgresql_reads_in_pg_hba_the_names_that_were_written(server: DeclaredServer) -> None:
    text = "".join(f'[databases."{name}"]\n' for name in ODD_NAMES)
    file = server.server.data / "pg_hba.conf"
    before = file.read_text()
    try:
        file.write_text(pg_hba_conf(server.settings(text)))
        rules = server.sql("postgres", "SELECT database, user_name, auth_method, error FROM pg_hba_file_rules")
    finally:
        file.write_text(before)
    assert [rule["error"] for rule in rules if rule["error"]] == []
    open_to_all = [rule for rule in rules if rule["user_name"] == ["all"] and rule["auth_method"] == "scram-sha-256"]
    assert set(ODD_NAMES) <= set(open_to_all[0]["database"])
    (strangers,) = (rule for rule in rules if rule["database"] == ["appdb"] and rule["auth_method"] == "reject")
    assert set(ODD_NAMES) <= set(strangers["user_name"])


class _Written:
    """Keeps what the console would be sent."""

    def __init__(self) -> None:
        self.commands: list[str] = []

    def execute(self, command: bytes) -> None:
        self.commands.append(command.decode())


def test_pgbouncer_reads_and_commands_every_name(server: DeclaredServer) -> None:
    text = "".join(f'[databases."{name}"]\n' for name in ODD_NAMES)
    declared = server.settings(text)
    topology = topology_of(declared).add("b" * 7)
    check_lengths(declared, topology)
    rendered = pgbouncer_ini(declared, topology, derive(declared, topology.sizing)).split("[pgbouncer]")[0]
    where = "listen_addr = 127.0.0.1\nunix_socket_dir = /tmp\npidfile = /tmp/pid\n"
    minimal = f"[pgbouncer]\n{where}auth_type = any\nadmin_users = x\n"
    commands: Any = _Written()
    wanted = {pool: database.name for database, pool, _ in pools_of_databases(declared, topology)}
    for pool in wanted:
        for command in (pgbouncer.pause, pgbouncer.reconnect, pgbouncer.disable, pgbouncer.enable):
            command(commands, pool)
    with idle("pooler", images().pgbouncer) as name:
        inside = Container(name=name)
        start = 'printf %s "$INI" > /tmp/pgbouncer.ini && pgbouncer -d /tmp/pgbouncer.ini'
        inside.run("sh", "-ec", start, env={"INI": rendered + minimal})
        eventually(lambda: inside.run(*_CONSOLE, "-c", "SHOW VERSION", check=False))
        shown = inside.run(*_CONSOLE, "-c", "SHOW DATABASES")
        rows = {columns[0]: columns[3] for line in shown.splitlines() if (columns := line.split("|"))}
        assert {pool: base for pool, base in rows.items() if pgbouncer.is_pool(pool)} == wanted
        inside.run(*_CONSOLE, "-v", "ON_ERROR_STOP=1", *(part for each in commands.commands for part in ("-c", each)))


_CONSOLE = ("psql", "-XAt", "-h", "/tmp", "-p", "6432", "-U", "x", "pgbouncer")
