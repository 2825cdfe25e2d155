"""Databases and roles from the file to the pools: made, kept, isolated; nothing fought, nothing dropped."""

import json

import psycopg
import pytest

from cluster.errors import MachineError
from tests.fix_declared import Platform

FILE = """
[databases.shop]
settings = { statement_timeout = "30s", search_path = "shop, public" }
pool_mode = "session"
pool_size = 3

[databases.my-blog]
owner = "writer"
locale_provider = "icu"
locale = "de"

[roles.reporting]
read = ["shop", "appdb"]
connection_limit = 5
valid_until = 2037-01-31

[roles.cashier]
write = ["shop"]

[roles.mira]
owner = ["shop"]

[roles.office]
login = false
read = ["my-blog"]

[roles.tom]
member_of = ["office"]
"""


@pytest.fixture(scope="module")
def made(declared_cluster: Platform) -> Platform:
    """The cluster with what the file declares; the SQL was shown before."""
    declared_cluster.query("CREATE TABLE IF NOT EXISTS before (id int); ALTER TABLE before OWNER TO app")
    declared_cluster.write(FILE)
    shown = declared_cluster.inv.ok("config.render", "--diff").out
    assert 'CREATE DATABASE "my-blog" OWNER "postgres"' in shown
    assert "PASSWORD '…'" in shown
    assert "SCRAM" not in shown
    dry = declared_cluster.inv.ok("config.apply", "--dry-run").out
    assert "make in the primary: role shop" in dry
    declared_cluster.inv.ok("config.apply")
    return declared_cluster


def test_a_second_run_finds_nothing_to_do(made: Platform, platform: Platform) -> None:
    assert "nothing differs" in platform.inv.ok("config.apply").err
    assert "CREATE" not in platform.inv.ok("config.render", "--diff").out
    again = platform.inv.ok("up")
    assert "made in the primary" not in again.err
    assert "Replacing" not in again.err


def test_every_database_has_its_pools_and_what_is_set_on_it(made: Platform, platform: Platform) -> None:
    names = {pool.name: pool for pool in platform.stack.snapshot().pooler.pools}
    wanted = {f"{base}{end}" for base in ("appdb", "shop", "my-blog") for end in ("", "_write", "_read", "_read1")}
    assert set(names) == wanted
    assert (names["shop"].size, names["my-blog"].hosts) == (3, ("primary",))
    assert platform.rows("shop", "shop", "SHOW statement_timeout") == [("30s",)]
    assert platform.rows("writer", "my-blog_read", "SHOW in_hot_standby") == [("on",)]
    found = platform.rows(
        "writer",
        "my-blog",
        "SELECT datlocprovider::text, datlocale FROM pg_database WHERE datname = current_database()",
    )
    assert found == [("i", "de")]
    limits = platform.query(
        "SELECT rolconnlimit AS n, rolvaliduntil::text AS t FROM pg_roles WHERE rolname = 'reporting'"
    )
    assert (limits[0]["n"], limits[0]["t"][:10]) == (5, "2037-01-31")


def test_profiles_cover_tables_that_were_there_and_those_to_come(made: Platform, platform: Platform) -> None:
    assert platform.rows("mira", "shop", "SELECT session_user::text, current_user::text") == [("mira", "shop")]
    platform.rows("mira", "shop", "CREATE TABLE public.cards (id serial, pan text)")
    platform.rows("shop", "shop", "CREATE SCHEMA depot CREATE TABLE depot.stock (id int)")
    owners = platform.rows(
        "shop", "shop", "SELECT DISTINCT tableowner FROM pg_tables WHERE tablename IN ('cards', 'stock')"
    )
    assert owners == [("shop",)]
    platform.rows("cashier", "shop", "INSERT INTO public.cards (pan) VALUES ('4111')")
    platform.rows("cashier", "shop_write", "INSERT INTO depot.stock VALUES (3)")
    read = "SELECT (SELECT count(*) FROM public.cards), (SELECT count(*) FROM depot.stock)"
    assert platform.rows("reporting", "shop", read) == [(1, 1)]
    platform.wait_replayed()
    assert platform.rows("reporting", "shop_read", read) == [(1, 1)]
    assert platform.rows("reporting", "appdb", "SELECT count(*) FROM public.before") == [(0,)]
    platform.rows("app", "appdb", "CREATE TABLE public.later (id int)")
    assert platform.rows("reporting", "appdb", "SELECT count(*) FROM public.later") == [(0,)]


@pytest.mark.parametrize(
    ("role", "database", "sql"),
    [
        ("reporting", "shop", "INSERT INTO public.cards (pan) VALUES ('1')"),
        ("cashier", "shop", "CREATE TABLE public.own (id int)"),
        ("cashier", "shop", "DROP TABLE public.cards"),
        ("shop", "shop", "ALTER DATABASE shop SET work_mem = '1GB'"),
        ("mira", "shop", "ALTER ROLE shop SUPERUSER"),
        ("reporting", "my-blog", "SELECT 1"),
        ("tom", "shop", "SELECT 1"),
        ("shop", "appdb", "SELECT 1"),
        ("shop", "my-blog_read", "SELECT 1"),
    ],
)
def test_nobody_may_more_than_the_file_says(
    made: Platform, platform: Platform, role: str, database: str, sql: str
) -> None:
    with pytest.raises((MachineError, psycopg.Error), match=r"denied|rejects|must be"):
        platform.rows(role, database, sql)


def test_what_somebody_did_by_hand_is_named_and_left_alone(made: Platform, platform: Platform) -> None:
    platform.query(
        "GRANT CONNECT ON DATABASE shop TO tom; ALTER DATABASE shop SET work_mem = '5MB'; GRANT shop_writer TO tom; "
        "ALTER ROLE cashier SET lock_timeout = '1s'"
    )
    platform.query("REVOKE SELECT ON public.cards FROM shop_reader", database="shop")
    said = platform.inv.ok("up").err
    assert "not declared, and left alone: tom may enter shop" in said
    shown = platform.inv.ok("config.render", "--diff").out
    for cure in (
        'REVOKE CONNECT ON DATABASE "shop" FROM "tom"',
        'ALTER DATABASE "shop" RESET "work_mem"',
        'REVOKE "shop_writer" FROM "tom"',
        'ALTER ROLE "cashier" RESET "lock_timeout"',
        'GRANT SELECT ON TABLE "public"."cards" TO "shop_reader"',
    ):
        assert cure in shown, shown
    assert platform.rows("tom", "shop", "SELECT 1") == [(1,)]
    with pytest.raises(psycopg.Error, match="denied"):
        platform.rows("reporting", "shop", "SELECT count(*) FROM public.cards")
    platform.query(
        "REVOKE CONNECT ON DATABASE shop FROM tom; ALTER DATABASE shop RESET work_mem; REVOKE shop_writer FROM tom; "
        "ALTER ROLE cashier RESET lock_timeout"
    )
    platform.query("GRANT SELECT ON public.cards TO shop_reader", database="shop")
    assert "not declared" not in platform.inv.ok("up").err


def test_what_is_declared_otherwise_is_changed_and_what_is_gone_from_the_file_stays(
    made: Platform, platform: Platform
) -> None:
    changed = FILE.replace('statement_timeout = "30s"', "statement_timeout = 0").replace("= 5", "= 7")
    platform.declare(changed.split("[roles.office]")[0])
    assert platform.rows("shop", "shop", "SHOW statement_timeout") == [("0",)]
    assert platform.query("SELECT rolconnlimit AS n FROM pg_roles WHERE rolname = 'reporting'") == [{"n": 7}]
    assert platform.rows("tom", "my-blog", "SELECT 1") == [(1,)]
    platform.declare(FILE)


def test_what_the_server_refuses_is_said_and_stops_nothing_else(made: Platform, platform: Platform) -> None:
    platform.write(FILE + '\n[databases.next]\nsettings = { no_such_parameter = "1" }\n[databases.last]\n')
    refused = platform.inv("up")
    assert refused.code == 4, refused
    assert 'no_such_parameter of next: unrecognized configuration parameter "no_such_parameter"' in refused.err
    assert "config/databases.toml" in refused.err
    assert "Traceback" not in refused.err
    platform.declare(FILE + "\n[databases.next]\n[databases.last]\n")
    assert platform.rows("last", "last", "SELECT current_database()") == [("last",)]
    platform.declare(FILE)


def test_a_role_that_is_more_is_not_taken_over(made: Platform, platform: Platform) -> None:
    platform.query("CREATE ROLE root2 LOGIN SUPERUSER")
    try:
        platform.write(FILE + "\n[roles.root2]\n")
        refused = platform.inv("config.apply")
        assert refused.code == 3, refused
        assert "more than an application" in refused.err
    finally:
        platform.query("DROP ROLE root2")
        platform.declare(FILE)


def test_tools_find_a_database_postgres_and_nothing_in_it(made: Platform, platform: Platform) -> None:
    assert platform.rows("shop", "postgres", "SELECT current_database()::text") == [("maintenance",)]
    with pytest.raises(psycopg.Error, match="denied"):
        platform.rows("shop", "postgres", "CREATE TABLE public.x (id int)")
    with pytest.raises(MachineError, match="pg_hba"):
        platform.rows("shop", "postgres", "SELECT 1", "primary")


def test_services_and_status_know_every_database(made: Platform, platform: Platform) -> None:
    report = json.loads(platform.inv.ok("status", "--json").out)
    assert {pool["name"].split("_")[0] for pool in report["pools"]} == {"appdb", "shop", "my-blog"}
    assert "no role of the cluster may more than PODS gave it" in platform.inv("doctor").err
