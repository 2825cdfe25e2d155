"""Rotating passwords while programs log in: through the pools, to a replica, and directly."""

import os
from collections.abc import Iterator
from dataclasses import replace

import psycopg
import pytest

from cluster.errors import MachineError
from cluster.postgres.connection import connect
from compose.home.role_passwords import role_files
from tests.fix_chaos import walk
from tests.fix_declared import Platform
from tests.fix_logins import logging_in

FILE = """
[databases.vault]
[roles.auditor]
read = ["vault"]
connection_limit = 9
settings = { search_path = "vault, public" }
"""
RATE = int(os.environ.get("LOGINS_PER_SECOND", "20"))
"""What two workers' tests leave of the machine. A host of one's own: LOGINS_PER_SECOND=200 and these tests alone."""


@pytest.fixture(scope="module")
def made(declared_cluster: Platform) -> Iterator[Platform]:
    """The cluster with a database and another role of this file's own."""
    declared_cluster.declare(FILE)
    yield declared_cluster
    declared_cluster.declare("")


def _logins(platform: Platform, role: str) -> list[str]:
    """Which of its names may log in."""
    names = [role, f"{role}_alternate"]
    rows = platform.query(f"SELECT rolname FROM pg_roles WHERE rolcanlogin AND rolname IN {tuple(names)} ORDER BY 1")
    return [row["rolname"] for row in rows]


def _services(role: str) -> tuple[str, ...]:
    database = "appdb" if role == "app" else "vault"
    return database, f"{database}_read", *(() if role == "auditor" else (f"{database}_direct",))


@pytest.mark.parametrize("role", ["vault", pytest.param("app", marks=pytest.mark.chaos)])
def test_no_login_fails_while_a_password_is_rotated(made: Platform, platform: Platform, role: str) -> None:
    file = role_files(platform.home, platform.stack.settings, role).service
    before = platform.role(role, _services(role)[0])
    with logging_in(file, rate=RATE, services=_services(role)) as done:
        begun = platform.inv.ok("role.rotate", role)
        refused = platform.inv("role.rotate", role)
        finished = platform.inv.ok("role.rotate", role, "--finish", "--yes")
    assert done.refused == []
    assert set(done.users) == {role, f"{role}_alternate"}
    assert done.roles == [role], "whoever logs in is the role"
    assert refused.code == 3, refused
    assert "a rotation of" in refused.err
    after = platform.role(role, _services(role)[0])
    for text in (begun, refused, finished):
        assert not [each for each in (before.password, after.password) if each in text.out + text.err]
    with pytest.raises(MachineError, match=f"does not let {role} in"), connect(before):
        pass
    assert _logins(platform, role) == [f"{role}_alternate"]
    again = platform.inv.ok("up")
    assert "made in the primary" not in again.err
    named = [line for line in again.err.splitlines() if "not declared" in line and role in line]
    assert named == []  # of other roles other files of this cluster may have left some
    platform.inv.ok("role.rotate", role, "--grace", "0")
    assert _logins(platform, role) == [role]
    assert platform.role(role, "vault").user == role


def test_what_the_second_login_makes_is_the_role_s_and_its_sessions_begin_as_the_role_s(
    made: Platform, platform: Platform
) -> None:
    platform.query("ALTER ROLE vault SET work_mem = '5MB'; ALTER ROLE auditor IN DATABASE vault SET jit = off")
    for role in ("vault", "auditor"):
        platform.inv.ok("role.rotate", role, "--grace", "0")
    platform.rows("vault", "vault", "CREATE TABLE stock (id int)")
    owner = platform.rows("vault", "vault", "SELECT tableowner::text FROM pg_tables WHERE tablename = 'stock'")
    assert owner == [("vault",)]
    assert platform.rows("vault", "vault", "SHOW work_mem", "primary") == [("5MB",)]
    assert platform.rows("auditor", "vault", "SELECT count(*) FROM public.stock") == [(0,)]
    assert platform.rows("auditor", "vault", "SHOW search_path", "primary") == [("vault, public",)]
    assert platform.rows("auditor", "vault", "SHOW jit", "primary") == [("off",)]
    limit = platform.query("SELECT rolconnlimit AS n FROM pg_roles WHERE rolname = 'auditor_alternate'")
    assert limit == [{"n": 9}]
    with pytest.raises(psycopg.Error, match="denied"):
        platform.rows("auditor", "vault", "INSERT INTO public.stock VALUES (1)")
    shown = platform.inv.ok("psql", "--user", "auditor", "--pool", "vault", "--command", "SELECT session_user").out
    assert "auditor_alternate" in shown
    for role in ("vault", "auditor"):
        platform.inv.ok("role.rotate", role, "--grace", "0")


def test_who_is_still_there_is_named_and_ended_only_if_that_is_wanted(made: Platform, platform: Platform) -> None:
    held = replace(platform.role("vault", "vault"), application="warehouse")
    with connect(held) as pooled, connect(replace(held, port=platform.access("primary").port, pooled=False)) as direct:
        pooled.execute("SELECT 1")
        direct.execute("SELECT 1")
        platform.inv.ok("role.rotate", "vault")
        pooled.execute("SELECT 1")
        refused = platform.inv("role.rotate", "vault", "--finish")
        assert refused.code == 3, refused
        assert "2 still logged in as vault: warehouse from " in refused.err
        assert direct.execute("SELECT 1 AS n").fetchone() == {"n": 1}
        platform.inv.ok("role.rotate", "vault", "--finish", "--yes")
        for each in (pooled, direct):
            with pytest.raises(psycopg.Error):
                each.execute("SELECT 1")
    nothing = platform.inv("role.rotate", "vault", "--finish")
    assert nothing.code == 3
    assert "no rotation of vault is open" in nothing.err
    platform.inv.ok("role.rotate", "vault", "--grace", "0")


@pytest.mark.parametrize("boundary", walk([0, 1, 2, 3, 4, 5, 6], sample=[4]))
def test_a_rotation_that_was_killed_goes_on(made: Platform, platform: Platform, boundary: int) -> None:
    """No login fails meanwhile, also not those of an `up` in between."""
    role = "vault"
    first = platform.role(role, role).user
    platform.inv.interrupted("KILL", boundary, "role.rotate", role)
    assert platform.rows(role, role, "SELECT current_user::text") == [(role,)]
    if boundary in (1, 4):
        platform.inv.ok("up")
        assert platform.rows(role, role, "SELECT current_user::text") == [(role,)]
    if platform.role(role, role).user == first:
        platform.inv.ok("role.rotate", role)
    platform.inv.interrupted("KILL", 1, "role.rotate", role, "--finish")
    platform.inv.ok("role.rotate", role, "--finish")
    assert _logins(platform, role) == [platform.role(role, role).user]
    assert platform.rows(role, role, "SELECT current_user::text") == [(role,)]


def test_a_password_that_is_written_into_its_file_is_the_role_s(made: Platform, platform: Platform) -> None:
    path = role_files(platform.home, platform.stack.settings, "auditor").password
    with platform.session("auditor", "vault") as held:
        path.write_text("of-the-user-s-own\n")
        platform.inv.ok("config.apply")
        assert held.execute("SELECT 1 AS n").fetchone() == {"n": 1}
    assert platform.role("auditor", "vault").password == "of-the-user-s-own"
    assert platform.rows("auditor", "vault", "SELECT current_user::text") == [("auditor",)]


def test_who_has_no_password_is_refused_in_a_line(made: Platform, platform: Platform) -> None:
    for name, hint in (
        ("nobody", "there are:"),
        ("vault_alternate", "inv role.rotate vault"),
        ("postgres", "there are:"),
    ):
        refused = platform.inv("role.rotate", name)
        assert refused.code == 1, refused
        assert hint in refused.err
