import os
import time
import tomllib
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from cluster.config.consistency import check_together
from cluster.config.databases import DatabaseDeclaration, Declarations, RoleDeclaration
from cluster.config.databases_file import for_services, from_services, parse
from cluster.config.env_file import load_settings
from cluster.config.settings import KEPT_FREE, Settings
from cluster.errors import PodsError, RefusedError, UsageError
from cluster.naming import NODE_NAME
from cluster.pools import check_lengths, pools_of_databases
from cluster.sizing import connections_for_tests, pool_sizes
from tests.fix_settings import settings_of, topology_of

WHOLE = """
[databases.shop]
extensions = ["pgvector", "hll"]
settings = { statement_timeout = "30s", auto_explain.log_analyze = true, work_mem = 4096 }
pool_mode = "session"
pool_size = 5
locale_provider = "icu"
locale = "de"

[databases.blog]
owner = "writer"
extensions = { vector = "0.8.1" }

[databases.appdb]
pool_size = 7

[roles.reporting]
read = ["shop", "appdb"]
connection_limit = 3
valid_until = 2027-01-31

[roles.staff]
login = false
write = ["shop"]

[roles.ada]
member_of = ["staff"]
owner = ["blog"]
settings.statement_timeout = 0
"""


def declared(tmp_path: Path, text: str, **environ: str) -> Settings:
    (tmp_path / "config").mkdir(exist_ok=True)
    (tmp_path / "config" / "databases.toml").write_text(text)
    return load_settings(tmp_path, {f"PODS_{name.upper()}": value for name, value in environ.items()})


def test_what_is_written_is_declared(tmp_path: Path) -> None:
    found = declared(tmp_path, WHOLE).declared
    assert [each.name for each in found.databases] == ["appdb", "shop", "blog"]
    assert found.database("appdb") == DatabaseDeclaration(name="appdb", owner="app", pool_size=7)
    assert found.database("shop") == DatabaseDeclaration(
        name="shop",
        owner="shop",
        extensions={"pgvector": "", "hll": ""},
        settings={"statement_timeout": "30s", "auto_explain.log_analyze": "on", "work_mem": "4096"},
        pool_mode="session",
        pool_size=5,
        locale_provider="icu",
        locale="de",
    )
    assert found.database("blog").extensions == {"vector": "0.8.1"}
    assert [each.name for each in found.roles] == ["app", "shop", "writer", "reporting", "staff", "ada"]
    reporting = RoleDeclaration(name="reporting", read=("shop", "appdb"), connection_limit=3, valid_until="2027-01-31")
    assert found.role("reporting") == reporting
    assert found.role("ada").settings == {"statement_timeout": "0"}
    assert {role.name: found.may_enter(role.name) for role in found.roles} == {
        "app": ("appdb",),
        "shop": ("shop",),
        "writer": ("blog",),
        "reporting": ("appdb", "shop"),
        "staff": ("shop",),
        "ada": ("shop", "blog"),
    }


def test_without_the_file_there_are_the_applications_own(tmp_path: Path) -> None:
    found = load_settings(tmp_path, {"PODS_DATABASE": "shop", "PODS_USER": "keeper"}).declared
    assert found.databases == (DatabaseDeclaration(name="shop", owner="keeper"),)
    assert found.roles == (RoleDeclaration(name="keeper"),)


def test_services_read_what_was_written_for_them(tmp_path: Path) -> None:
    settings = declared(tmp_path, WHOLE)
    assert from_services(for_services(settings.declarations)) == settings.declarations
    with pytest.raises(UsageError, match=r"databases.json cannot be used"):
        from_services("{}")


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("[databases.shop", "is not TOML"),
        ("databases = 3", "databases is no table"),
        ("[database.shop]", "database is not known"),
        ("[databases]\nshop = 3", "databases.shop is no table"),
        ("[databases.shop]\nownr = 'x'", "databases.shop a field is missing or unknown: ownr"),
        ("[databases.shop]\nname = 'x'", "databases.shop.name is not known"),
        ("[databases.shop]\nextensions = 'vector'", "databases.shop extensions is 'vector'"),
        ("[databases.shop]\nextensions = [3]", "extensions is a list of names"),
        ("[databases.shop]\npool_mode = 'fast'", "pool_mode is 'fast'"),
        ("[databases.shop]\npool_size = 0", "pool_size is from 1 to 10000"),
        ("[databases.shop]\npool_size = '3'", "databases.shop pool_size"),
        ("[databases.shop]\nlocale_provider = 'icu'", "locale_provider and locale go together"),
        ("[databases.shop]\nlocale = 'C'", "go together"),
        ("[databases.shop]\nlocale = 'a b'", "no name of a locale"),
        ("[databases.shop]\nsettings = { 'a b' = 1 }", "settings.a b is no name"),
        ("[databases.shop]\nsettings = { Role = 'postgres' }", "settings.Role says who a session is"),
        ("[databases.shop]\nsettings = { x = [1] }", "settings.x is neither text nor number"),
        ('[databases.shop]\nsettings = { x = "1\\n2" }', "settings.x has a line break"),
        ("[databases.Shop]", "databases.Shop cannot be a name here"),
        ('[databases."my shop"]', "databases.my shop cannot be a name"),
        ('[databases."a\\"b"]', 'databases.a"b cannot be a name'),
        ('[databases."a$b"]', "databases.a$b cannot be a name"),
        ('[databases."ma\u00f1ana"]', "cannot be a name"),
        ('[databases."x\\u001b[2J"]', "cannot be a name"),
        (f"[databases.{'x' * 51}]", "cannot be a name"),
        (f"[roles.{'x' * 51}]", "cannot be a name"),
        ("[databases.postgres]", "the cluster needs itself"),
        ("[databases.maintenance]", "the cluster needs itself"),
        ("[databases.shop]\nowner = 'postgres'", "databases.shop.owner is a name that the cluster needs itself"),
        ("[databases.shop]\nowner = 'a b'", "databases.shop.owner cannot be a name"),
        ("[databases.appdb]\nowner = 'shop'", "the owner of appdb is PODS_USER=app, not shop"),
        ("[databases.shop]\n[databases.shop_read]", "databases.shop_read is called like a pool of shop"),
        ("[databases.shop]\n[databases.shop_read_blue]", "called like a pool of shop"),
        ("[databases.appdb_read1]", "called like a pool of appdb"),
        ("[databases.shop]\n[roles.shop_reader]", "roles.shop_reader is the group"),
        ("[databases.shop]\n[roles.shop_alternate]", "roles.shop_alternate is the second login of shop"),
        ("[roles.app_alternate]", "roles.app_alternate is the second login of app"),
        ("[roles.monitor]", "the cluster needs itself"),
        ("[roles.pg_mine]", "the cluster needs itself"),
        ("[roles.ada]\nread = ['shop']", "roles.ada.read names shop"),
        ("[roles.ada]\nread = ['appdb']\nwrite = ['appdb']", "roles.ada has read and write for appdb"),
        ("[roles.ada]\nmember_of = ['pg_execute_server_program']", "given to nobody"),
        ("[roles.ada]\nmember_of = ['replicator']", "given to nobody"),
        (
            "[databases.a]\nowner = 'x'\n[roles.x]\nmember_of = ['z']\n[roles.z]\nowner = ['a']",
            "leads back to itself",
        ),
        (
            "[databases.a]\n[databases.b]\n[roles.a]\nowner = ['b']\n[roles.b]\nowner = ['a']",
            "leads back to itself",
        ),
        ("[roles.app]\nlogin = false", "the application logs in as PODS_USER"),
        ("[roles.all]", "the cluster needs itself"),
        ("[databases.shop]\nowner = 'all'", "the cluster needs itself"),
        ("[roles.ada]\nmember_of = ['a\\u0007b']".replace("'", '"'), "is no name of a role"),
        ("[roles.ada]\nmember_of = ['']", "is no name of a role"),
        (f"[roles.ada]\nmember_of = ['{'x' * 64}']", "is no name of a role"),
        ("[roles.ada]\nvalid_until = '2027-02-30'", "valid_until is no moment"),
        ("[roles.ada]\nvalid_until = '2027-01-01 25:00'", "valid_until is no moment"),
        ("[roles.ada]\nvalid_until = 2027-01-01T00:00:00+23:00", "valid_until is no moment"),
        ("[databases.shop]\nsettings = { work_mem = 1, Work_Mem = 2 }", "settings.Work_Mem is there as work_mem too"),
        ("[databases.shop.settings]\na.b = 1\n'a.b' = 2", "settings.a.b is there as a.b too"),
        ('[databases.shop]\nsettings = { x = "a\\tb" }', "what else no line can have"),
        ('[databases.shop.settings."\\u001b[2J"]\nx = [1]', "is neither text nor number"),
        ("[databases.shop]\nextensions = ['x; DROP TABLE y']", "no name or version"),
        ("[databases.shop]\nextensions = ['$(reboot)']", "no name or version"),
        ("[databases.shop]\nextensions = { vector = '0.8; x' }", "no name or version"),
        (f"[databases.shop]\npool_size = {'1' * 5000}", "is not TOML"),
        (f"[databases.shop]\nsettings.x = 0x{'f' * 6000}", "databases.shop Exceeds the limit"),
        (f"[databases.shop.settings]\n{'a.' * 1500}b = 1", "nests too deeply"),
        (f"[databases.shop]\nowner.{'a.' * 1500}b = 1", "nests too deeply"),
        (f"[databases.shop]\nowner = {'[' * 5000}{']' * 5000}", "is not TOML"),
        (f"[databases.{'x' * 10_000}]", "cannot be a name"),
        ("[roles.ada]\nmember_of = ['ada']", "roles.ada.member_of leads back to itself"),
        ("[roles.a]\nmember_of = ['b']\n[roles.b]\nmember_of = ['a']", "leads back to itself"),
        ("[roles.ada]\nvalid_until = 'soon'", "valid_until is no moment"),
        ("[roles.ada]\nconnection_limit = -2", "connection_limit is from -1"),
        ("[roles.ada]\nconnection_limit = true", "roles.ada connection_limit"),
        ("[roles.ada]\ncreate_databases = ['*']", "create_databases has '*'"),
        ("[roles.ada]\ncreate_databases = ['t*']", "'t*', which means template0 too"),
        ("[roles.ada]\ncreate_databases = ['*s*']", "which means postgres too"),
        ("[roles.ada]\ncreate_databases = ['maintenance']", "which means maintenance too"),
        ("[roles.ada]\nlogin = false\ncreate_databases = ['test_*']", "is of a group"),
    ],
)
def test_what_is_wrong_is_one_line(tmp_path: Path, text: str, said: str) -> None:
    with pytest.raises(UsageError) as caught:
        declared(tmp_path, text)
    assert said in caught.value.message
    assert caught.value.message.startswith("config/databases.toml: ")
    assert caught.value.hint
    assert caught.value.message.isprintable()
    assert len(caught.value.message) < 500


@given(st.text())
def test_any_text_is_read_or_refused(text: str) -> None:
    refusal = ""
    try:
        assert isinstance(parse(text), Declarations)
    except UsageError as refused:
        refusal = refused.message
    assert refusal.isprintable()


def _nothing_there(path: Path) -> None:
    path.symlink_to(path.with_name("elsewhere.toml"))


@pytest.mark.parametrize(
    ("make", "said"),
    [
        (lambda path: path.write_bytes(b"\xff\xfe"), "can't decode"),
        (lambda path: path.write_bytes(b"\xef\xbb\xbf[databases.shop]"), "byte order mark"),
        (lambda path: path.write_bytes(b"#" * ((4 << 20) + 1)), "larger than 4 MB"),
        (Path.mkdir, "it is no file"),
        (os.mkfifo, "it is no file"),
        (_nothing_there, "No such file"),
        (lambda path: path.symlink_to(path), "Too many levels"),
        (lambda path: path.symlink_to("/dev/zero"), "it is no file"),
    ],
    ids=["no text", "byte order mark", "huge", "directory", "pipe", "link to nothing", "link to itself", "device"],
)
def test_what_is_no_text_file_is_refused_at_once(tmp_path: Path, make: Callable[[Path], object], said: str) -> None:
    (tmp_path / "config").mkdir()
    make(tmp_path / "config" / "databases.toml")
    with pytest.raises(UsageError, match=r"databases\.toml cannot be read") as caught:
        load_settings(tmp_path, {})
    assert said in caught.value.message
    assert caught.value.message.isprintable()


def test_a_file_of_any_line_ends_or_behind_a_link_is_read(tmp_path: Path) -> None:
    (tmp_path / "config").mkdir()
    (tmp_path / "mine.toml").write_bytes(b"[databases.shop]\r\npool_size = 3\r\n")
    (tmp_path / "config" / "databases.toml").symlink_to("../mine.toml")
    assert load_settings(tmp_path, {}).declared.database("shop").pool_size == 3


def test_what_a_user_keeps_beside_env_is_no_declaration(tmp_path: Path) -> None:
    (tmp_path / "databases.json").write_text("{}")
    assert load_settings(tmp_path, {}).declared.databases[1:] == ()
    with pytest.raises(UsageError, match=r"databases.json cannot be used"):
        load_settings(tmp_path, {}, strict=False)


_ODD = ["a", "a_read", "a_read_read", "a_write", "a_read_", "a_read_b", "a_read1", "a_reader", "a_", "_", "a-", "a_-"]
_names = st.from_regex(r"[a-z_][a-z0-9_-]{0,49}", fullmatch=True) | st.sampled_from(_ODD)
_nodes = st.from_regex(NODE_NAME, fullmatch=True) | st.sampled_from(["write", "read", "b", "b_write", "read_b"])


@given(names=st.sets(_names, max_size=6), nodes=st.sets(_nodes, max_size=4))
def test_no_two_databases_share_a_pool_and_none_has_a_name_too_long(names: set[str], nodes: set[str]) -> None:
    try:
        found = parse("".join(f'[databases."{name}"]\n' for name in names))
        settings = replace(settings_of(replicas="0"), declarations=found)
        check_together(settings.declared, settings.user)
        topology = topology_of(settings)
        for node in nodes:
            topology = topology.add(node)
        check_lengths(settings, topology)
    except PodsError:  # refused; what is not must hold
        return
    led = [pool for _, pool, _ in pools_of_databases(settings, topology)]
    assert len(led) == len(set(led)) == len(settings.declared.databases) * (3 + len(topology.replicas))
    assert max(len(pool) for pool in led) <= 63


def test_a_node_with_a_long_name_wants_databases_with_short_ones() -> None:
    settings = replace(settings_of(replicas="1"), declarations=parse(f"[databases.{'d' * 50}]"))
    topology = topology_of(settings)
    check_lengths(settings, topology)
    check_lengths(settings, topology.add("x" * 7, "joining"))
    with pytest.raises(RefusedError, match="of 64 letters, and PgBouncer takes 63"):
        check_lengths(settings, topology.add("x" * 8, "joining"))


def test_thousands_are_read_in_a_moment(tmp_path: Path) -> None:
    """A quadratic check took half a minute for these, in every command and every service."""
    count = 2400
    text = "".join(
        f"[databases.d{n}]\n[roles.r{n}]\nread = ['d{n}']\nmember_of = ['r{n - 1}']\n" if n else "[databases.d0]\n"
        for n in range(count)
    )
    before = time.process_time()
    found = declared(tmp_path, text, max_connections="10000").declared
    assert len(found.databases) == count + 1
    assert time.process_time() - before < 20


_sizes = st.none() | st.integers(1, 40)


@given(
    sizes=st.lists(_sizes, max_size=50),
    limit=st.integers(25, 2000),
    replicas=st.integers(0, 3),
    every=st.none() | st.integers(1, 30),
    tests=st.booleans(),
)
def test_pools_of_one_node_stay_below_its_connections(
    tmp_path_factory: pytest.TempPathFactory,
    sizes: list[int | None],
    limit: int,
    replicas: int,
    every: int | None,
    *,
    tests: bool,
) -> None:
    home = tmp_path_factory.mktemp("home")
    lines = ["[roles.app]\ncreate_databases = ['test_*']\n"] if tests else []
    lines += [f"[databases.d{n}]\n" + (f"pool_size = {size}\n" if size else "") for n, size in enumerate(sizes)]
    more = {"pool_size": str(every)} if every else {}
    try:
        settings = declared(home, "".join(lines), max_connections=str(limit), replicas=str(replicas), **more)
    except UsageError:  # the next test is about those
        return
    found, topology = pool_sizes(settings), topology_of(settings)
    assert all(found[name] >= 1 for name in found)
    if sizes or tests:
        for node in topology.names:
            led = [db for db, _, hosts in pools_of_databases(settings, topology) if node in hosts]
            # whatever is more at once, HAProxy keeps from the one node it leads to
            room = connections_for_tests(settings) if node == topology.primary else 0
            assert sum(found[each.name] for each in led) + room <= limit - KEPT_FREE


@given(sizes=st.lists(_sizes, min_size=1, max_size=60))
def test_the_number_that_a_refusal_names_suffices(
    tmp_path_factory: pytest.TempPathFactory, sizes: list[int | None]
) -> None:
    home = tmp_path_factory.mktemp("home")
    text = "".join(f"[databases.d{n}]\n" + (f"pool_size = {size}\n" if size else "") for n, size in enumerate(sizes))
    try:
        declared(home, text, max_connections="25")
    except UsageError as refused:
        needed = refused.hint.split("PODS_MAX_CONNECTIONS=")[1].split(" ")[0]
        declared(home, text, max_connections=needed)
        with pytest.raises(UsageError):
            declared(home, text, max_connections=str(int(needed) - 1))


def test_fifty_databases_want_more_connections_and_are_told_how_many(tmp_path: Path) -> None:
    text = "".join(f"[databases.d{n}]\n" for n in range(50))
    with pytest.raises(UsageError, match=r"51 databases have more pools than PODS_MAX") as caught:
        declared(tmp_path, text)
    assert "PODS_MAX_CONNECTIONS=212" in caught.value.hint
    assert set(pool_sizes(declared(tmp_path, text, max_connections="212")).values()) == {1}


def test_the_example_is_toml() -> None:
    assert tomllib.loads(WHOLE)
