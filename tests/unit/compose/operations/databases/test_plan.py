from dataclasses import replace

import pytest

from cluster.config.databases import Declarations
from cluster.config.databases_file import parse
from cluster.errors import RefusedError
from compose.operations.databases.catalog import (
    Catalog,
    ClosedTables,
    Contents,
    DatabaseGrant,
    DefaultPrivilege,
    Schema,
    ServerDatabase,
    ServerRole,
)
from compose.operations.databases.drift import cluster_drift, contents_drift
from compose.operations.databases.execution import statement
from compose.operations.databases.plan import Items, ServerChange, cluster_changes, contents_changes, items, moment_of

KEPT = {
    ("appdb", "monitor", "search_path=pg_catalog, pg_temp"),
    ("appdb", "monitor", "event_triggers=off"),
    ("appdb", "monitor", "pg_stat_statements.track=none"),
    ("appdb", "monitor", "pgaudit.log=ddl,role,write"),
}


def granted(*found: tuple[str, str, str], grantor: str = "postgres") -> dict[tuple[str, str, str], DatabaseGrant]:
    return {
        each: DatabaseGrant(database=each[0], grantee=each[1], privilege=each[2], grantor=grantor) for each in found
    }


FRESH = Catalog(
    roles={},
    memberships=frozenset(),
    databases={
        "postgres": ServerDatabase(name="postgres", owner="postgres", settled=True),
        "appdb": ServerDatabase(name="appdb", owner="postgres", settled=True),
        "maintenance": ServerDatabase(name="maintenance", owner="postgres", settled=True),
    },
    grants=granted(("appdb", "app", "CREATE")),
    settings=frozenset(KEPT),
)
"""What the first part of provisioning has made."""
EMPTY = Contents(schemas=(Schema(name="public", owner="pg_database_owner"),), default_privileges=frozenset(), closed={})


def declared(text: str) -> Declarations:
    return parse(text).completed("appdb", "app")


def changes(text: str, catalog: Catalog = FRESH, passwords: str = "right") -> list[ServerChange]:
    return cluster_changes(declared(text), catalog, lambda _, verifier: verifier == passwords, "app")


def titles(found: list[ServerChange]) -> list[str]:
    return list(dict.fromkeys(change.title for change in found))


def a_role(name: str, **more: object) -> ServerRole:
    plain = ServerRole(
        name=name,
        login=True,
        creates_databases=False,
        connection_limit=-1,
        verifier="right",
        valid_until=None,
        mighty=False,
    )
    return replace(plain, **more)  # type: ignore[arg-type]


def with_roles(*found: ServerRole, memberships: tuple[tuple[str, str], ...] = ()) -> Catalog:
    return replace(FRESH, roles={role.name: role for role in found}, memberships=frozenset(memberships))


def test_without_a_file_nothing_is_to_be_done() -> None:
    assert changes("") == []
    assert (
        contents_changes(declared(""), declared("").database("appdb"), EMPTY) != []
    )  # nobody works there: inhabited()


def test_the_order_is_roles_groups_databases_rights() -> None:
    found = titles(changes("[databases.shop]\n[roles.ada]\nread = ['shop']\n"))
    assert found == [
        "role shop",
        "role ada",
        "group shop_reader",
        "database shop",
        "rights of shop in shop",
        "entry of shop_reader into shop",
        "settings of monitor",
        "ada in shop_reader",
    ]


def test_a_password_in_the_file_goes_to_the_server_and_never_into_what_is_shown() -> None:
    (change,) = changes("[roles.ada]", with_roles(a_role("ada", verifier="wrong")))
    assert change.title == "password of ada"
    assert statement(change) == "ALTER ROLE \"ada\" LOGIN PASSWORD '…'"
    assert changes("[roles.ada]", with_roles(a_role("ada"))) == []


def test_a_login_becomes_a_group_and_a_group_a_login() -> None:
    assert titles(changes("[roles.ada]\nlogin = false", with_roles(a_role("ada")))) == ["ada as a group"]
    assert titles(changes("[roles.ada]", with_roles(a_role("ada", login=False)))) == ["password of ada"]
    assert changes("[roles.ada]\nlogin = false", with_roles(a_role("ada", login=False))) == []


def test_limits_that_are_not_declared_are_left_as_they_are() -> None:
    limited = with_roles(a_role("ada", connection_limit=3, valid_until=1.0, creates_databases=True))
    assert changes("[roles.ada]", limited) == []
    text = "[roles.ada]\nconnection_limit = 4\nvalid_until = 2037-01-31\ncreate_databases = ['test_*']"
    assert titles(changes(text, limited)) == ["connection limit of ada", "validity of ada"]
    as_said = a_role("ada", connection_limit=4, valid_until=moment_of("2037-01-31"), creates_databases=True)
    assert changes(text, with_roles(as_said)) == []


def test_moments_mean_the_same_however_they_are_written() -> None:
    assert moment_of("2037-01-31") == moment_of("2037-01-31T00:00:00Z") == moment_of("2037-01-31T02:00:00+02:00")
    assert moment_of("infinity") == float("inf")
    assert moment_of("") is None


@pytest.mark.parametrize("mighty", ["ada", "shop"])
def test_who_is_more_than_an_application_is_not_taken_over(mighty: str) -> None:
    with pytest.raises(RefusedError, match=f"the role {mighty} is declared"):
        changes("[databases.shop]\n[roles.ada]", with_roles(a_role(mighty, mighty=True)))


def test_a_login_with_the_name_of_a_group_is_refused() -> None:
    with pytest.raises(RefusedError, match="the role shop_reader is to be the group"):
        changes("[databases.shop]\n[roles.ada]\nread = ['shop']", with_roles(a_role("shop_reader")))


def test_a_database_that_was_there_goes_to_postgres_and_keeps_who_may_enter() -> None:
    theirs = ServerDatabase(name="shop", owner="shop", settled=False)
    there = replace(with_roles(a_role("shop")), databases={**FRESH.databases, "shop": theirs})
    found = changes("[databases.shop]", there)
    assert titles(found) == ["postgres as owner of shop", "settings of monitor"]
    assert not any("FROM PUBLIC" in statement(change) for change in found)


def test_a_new_database_is_closed_even_if_its_making_was_cut_short() -> None:
    half = ServerDatabase(name="shop", owner="postgres", settled=True)
    there = replace(with_roles(a_role("shop")), databases={**FRESH.databases, "shop": half})
    assert 'REVOKE ALL ON DATABASE "shop" FROM PUBLIC' in statement(changes("[databases.shop]", there)[0])


@pytest.mark.parametrize(
    ("locale", "said"),
    [
        ("", 'CREATE DATABASE "shop" OWNER "postgres"'),
        ("locale_provider = 'icu'\nlocale = 'de'", "LOCALE_PROVIDER icu ICU_LOCALE 'de'"),
        ("locale_provider = 'builtin'\nlocale = 'C.UTF-8'", "LOCALE_PROVIDER builtin BUILTIN_LOCALE 'C.UTF-8'"),
        ("locale_provider = 'libc'\nlocale = 'C'", "LOCALE_PROVIDER libc LOCALE 'C'"),
    ],
)
def test_a_locale_is_chosen_when_a_database_is_made(locale: str, said: str) -> None:
    made = next(change for change in changes(f"[databases.shop]\n{locale}") if change.title == "database shop")
    assert statement(made).endswith(said)


def test_the_application_may_have_a_second_database() -> None:
    assert titles(changes("[databases.shop]\nowner = 'app'"))[0] == "database shop"


def test_a_declared_database_that_a_killed_drop_left_closed_is_opened() -> None:
    shop = ServerDatabase(name="shop", owner="postgres", settled=True, closed=True)
    found = changes("[databases.shop]", replace(FRESH, databases={**FRESH.databases, "shop": shop}))
    (change,) = [each for each in found if each.title == "entry into shop"]
    assert statement(change) == 'ALTER DATABASE "shop" WITH CONNECTION LIMIT  -1'


def test_a_member_of_the_owner_acts_as_the_owner() -> None:
    found = [statement(change) for change in changes("[databases.shop]\n[roles.ada]\nowner = ['shop']")]
    assert 'GRANT "shop" TO "ada" WITH INHERIT TRUE, SET TRUE' in found
    assert 'ALTER ROLE "ada" IN DATABASE "shop" SET "role" = \'shop\'' in found


def test_settings_are_compared_as_the_server_keeps_them() -> None:
    text = '[databases.appdb]\nsettings = { search_path = "shop, public", TimeZone = "UTC", work_mem = "4MB" }'
    kept = {("appdb", "", 'search_path="shop", public'), ("appdb", "", "timezone=UTC"), ("appdb", "", "work_mem=4MB")}
    assert changes(text, replace(FRESH, settings=frozenset(KEPT | kept))) == []
    assert items("search_path", '"$user", public') == Items(("$user", "public"))
    assert items("DateStyle", "ISO, DMY") == Items(("ISO, DMY",))


def test_a_profile_is_there_when_all_of_it_is() -> None:
    both = declared("[databases.shop]\n[roles.a]\nread = ['shop']\n[roles.b]\nwrite = ['shop']")
    found = contents_changes(both, both.database("shop"), EMPTY)
    assert [change.query for change in found] == [
        "own_schema",
        "present_reads",
        "future_reads",
        "present_writes",
        "future_writes",
    ]
    assert {change.database for change in found} == {"shop"}
    reads = {("n", "USAGE"), ("S", "SELECT"), ("r", "SELECT")}
    writes = reads | {("S", "USAGE"), ("S", "UPDATE"), ("r", "INSERT"), ("r", "UPDATE"), ("r", "DELETE")}
    given = frozenset(
        DefaultPrivilege(creator="shop", kind=kind, grantee=group, privilege=privilege)
        for group, rights in (("shop_reader", reads), ("shop_writer", writes))
        for kind, privilege in rights
    )
    settled = replace(EMPTY, schemas=(Schema(name="public", owner="shop"),), default_privileges=given)
    assert contents_changes(both, both.database("shop"), settled) == []
    for each in given:
        short = replace(settled, default_privileges=given - {each})
        assert len(contents_changes(both, both.database("shop"), short)) == 2


def test_the_schema_of_another_owner_is_named() -> None:
    text = "[databases.shop]\nowner = 'buyer'"
    settled = replace(EMPTY, schemas=(Schema(name="public", owner="seller"),))
    (found,) = contents_drift(declared(text), declared(text).database("shop"), settled)
    assert found.text == "the schema public of shop belongs to seller, not to buyer"
    assert (statement(found.cure), found.cure.database) == ('ALTER SCHEMA "public" OWNER TO "buyer"', "shop")


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("[roles.ada]\nmember_of = ['nobody']", "names nobody, and there is no such role"),
        ("[roles.ada]\nmember_of = ['chief']", "leads to chief, which is more"),
        ("[roles.ada]\nmember_of = ['deputy']", "leads to chief, which is more"),
    ],
)
def test_a_group_that_is_not_there_or_is_too_much_is_refused(text: str, said: str) -> None:
    there = with_roles(a_role("chief", mighty=True), a_role("deputy"), memberships=(("deputy", "chief"),))
    with pytest.raises(RefusedError, match=said):
        changes(text, there)
    assert changes("[roles.deputy]\nmember_of = ['pg_monitor']", there) != []


def test_what_is_not_declared_is_named_with_its_cure() -> None:
    text = "[databases.shop]\n[roles.ada]\nread = ['shop']"
    by_hand = replace(
        with_roles(
            a_role("ada", creates_databases=True),
            memberships=(
                ("ada", "shop_reader"),
                ("eve", "shop_writer"),
                ("bob", "shop"),
                ('x"y', "ada"),
                ("bob", "other"),
            ),
        ),
        grants=granted(
            ("shop", "", "CONNECT"),
            ("shop", 'o"brien', "TEMPORARY"),
            ("shop", "shop", "CREATE"),
            ("shop", "monitor", "CONNECT"),
            ("shop", "shop_writer", "CONNECT"),
            ("appdb", "", "CONNECT"),
            ("mine", "bob", "CONNECT"),
        ),
        settings=frozenset(
            {
                ("shop", "", "work_mem=1GB"),
                ("", "ada", "lock_timeout=1s"),
                ("shop", "ada", "role=shop"),
                ("mine", "", "work_mem=1GB"),
                ("shop", "monitor", "search_path=pg_catalog, pg_temp"),
            }
        ),
    )
    found = cluster_drift(parse(text), declared(text), by_hand)
    assert {each.text: statement(each.cure) for each in found} == {
        "everybody may enter shop": 'REVOKE CONNECT ON DATABASE "shop" FROM PUBLIC',
        'o"brien may make temporary tables in shop': 'REVOKE TEMPORARY ON DATABASE "shop" FROM "o""brien"',
        "shop has the setting work_mem = 1GB": 'ALTER DATABASE "shop" RESET "work_mem"',
        "bob is a member of shop": 'REVOKE "shop" FROM "bob"',
        "eve is a member of shop_writer": 'REVOKE "shop_writer" FROM "eve"',
        'x"y is a member of ada': 'REVOKE "ada" FROM "x""y"',
        "ada may make databases": 'ALTER ROLE "ada" NOCREATEDB',
        "ada has the setting lock_timeout = 1s": 'ALTER ROLE "ada" RESET "lock_timeout"',
        "ada has the setting role = shop in shop": 'ALTER ROLE "ada" IN DATABASE "shop" RESET "role"',
    }


@pytest.mark.parametrize(("grantee", "named"), [("bob", '"bob"'), ("", "PUBLIC")])
def test_what_an_owner_granted_is_taken_back_in_its_name(grantee: str, named: str) -> None:
    by_hand = replace(FRESH, grants=granted(("shop", grantee, "CONNECT"), grantor="shop"))
    (found,) = cluster_drift(parse("[databases.shop]"), declared("[databases.shop]"), by_hand)
    assert statement(found.cure).endswith(
        f'SET ROLE "shop";\nREVOKE CONNECT ON DATABASE "shop" FROM {named};\nRESET ROLE'
    )


def test_without_a_file_nothing_is_drift() -> None:
    by_hand = replace(
        FRESH,
        grants=granted(("appdb", "bob", "CONNECT")),
        settings=frozenset({("appdb", "", "work_mem=1GB"), ("", "app", "work_mem=1GB")}),
    )
    assert cluster_drift(Declarations(), declared(""), by_hand) == []


def test_a_table_that_a_profile_does_not_see_is_named() -> None:
    text = "[databases.shop]\n[roles.ada]\nread = ['shop']"
    closed = replace(EMPTY, closed={"shop_reader": ClosedTables(count=2, schema="public", name='o"dd')})
    (found,) = contents_drift(declared(text), declared(text).database("shop"), closed)
    assert found.text == "shop_reader may not read 2 of the tables of shop, such as 'o\"dd'"
    assert statement(found.cure) == (
        'GRANT USAGE ON SCHEMA "public" TO "shop_reader";\nGRANT SELECT ON TABLE "public"."o""dd" TO "shop_reader"'
    )
    assert found.cure.database == "shop"
