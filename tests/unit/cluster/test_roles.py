"""Who may more than PODS made them."""

from collections.abc import Iterable

import pytest
from hypothesis import given
from hypothesis import strategies as st

from cluster.config.databases import RoleDeclaration
from cluster.roles import (
    ATTRIBUTES,
    POWERFUL,
    SERVICES,
    EventTrigger,
    Rights,
    Setting,
    declared,
    excess,
    foreign,
    foreign_triggers,
    role_of,
)
from compose.home import passwords

OURS = {role.name: role for role in declared("app")}


def _as_declared() -> dict[str, Rights]:
    return {
        name: Rights(name=name, attributes=tuple(role.attributes), member_of=tuple(role.member_of), owns=())
        for name, role in OURS.items()
    }


def _texts(*changed: Rights, database: str = "") -> list[str]:
    found = _as_declared() | {each.name: each for each in changed}
    return [each.text for each in excess("app", found.values(), [database] if database else [])]


def _rights(
    name: str, attributes: Iterable[str] = (), member_of: Iterable[str] = (), owns: Iterable[str] = ()
) -> Rights:
    return Rights(name=name, attributes=tuple(attributes), member_of=tuple(member_of), owns=tuple(owns))


def test_the_table_knows_every_role_that_has_a_secret() -> None:
    secrets = {*passwords.ALL, passwords.ARCHIVE}
    assert {role.secret for role in OURS.values()} == secrets - {passwords.ADMIN}
    assert {role.name for role in OURS.values()} == {role_of(name, "app") for name in secrets - {passwords.ADMIN}}


def test_roles_as_they_were_made_are_no_news() -> None:
    assert _texts() == []


@given(st.sampled_from(sorted(set(OURS) - {"postgres"})), st.sampled_from(sorted(ATTRIBUTES)))
def test_an_attribute_that_was_not_declared_is_said_in_one_line(name: str, attribute: str) -> None:
    declared_attributes = OURS[name].attributes
    changed = _rights(name, declared_attributes | {attribute}, OURS[name].member_of)
    assert _texts(changed) == ([] if attribute in declared_attributes else [f"{name} has {attribute}"])


@given(st.sets(st.sampled_from(sorted(POWERFUL | set(OURS) - {"app"})), min_size=1))
def test_a_membership_that_leads_beyond_is_said(groups: set[str]) -> None:
    (line,) = _texts(_rights("app", (), groups))
    assert all(f"is a member of {group}" in line for group in groups)


def test_what_an_application_was_given_to_look_at_is_no_news() -> None:
    assert _texts(_rights("app", (), ["pg_monitor", "pg_read_all_stats", "readers"]), _rights("readers")) == []


def test_a_group_of_the_user_s_own_that_has_more_makes_the_application_more() -> None:
    (line,) = _texts(_rights("dba", ["CREATEROLE"]), _rights("app", (), ["dba"]))
    assert line == "app is a member of dba"


def test_roles_of_the_user_s_own_are_their_affair_unless_they_lead_to_ours() -> None:
    own = [
        _rights("shop", ["CREATEDB"], ["app", "pg_read_all_data"]),
        _rights("dba", ["SUPERUSER"], []),
        _rights("spy", [], ["archiver"]),
    ]
    found = excess("app", [*_as_declared().values(), *own])
    assert [(each.text, each.ours) for each in found] == [
        ("dba, a role of your own, has SUPERUSER", False),
        ("spy, a role of your own, is a member of archiver", False),
    ]


def test_a_role_that_is_declared_to_make_databases_may_and_no_more() -> None:
    found = [*_as_declared().values(), _rights("tester", ["CREATEDB"])]
    member = [_rights("app", ["CREATEDB"], ["tester"]) if each.name == "app" else each for each in found]
    assert [each.text for each in excess("app", member)] == ["app has CREATEDB and is a member of tester"]
    made = [RoleDeclaration(name=name, create_databases=("test_*",)) for name in ("app", "tester")]
    assert excess("app", member, applications=made) == ()
    more = [_rights("app", ["CREATEDB", "CREATEROLE"]) if each.name == "app" else each for each in found]
    assert [each.text for each in excess("app", more, applications=made[:1])] == ["app has CREATEROLE"]


@pytest.mark.parametrize(("owner", "lines"), [("app", ["app owns the database appdb"]), ("postgres", [])])
def test_a_database_that_belongs_to_its_application_is_said_where_that_is_looked_for(
    owner: str, lines: list[str]
) -> None:
    rights = _rights(owner, OURS[owner].attributes, (), ["appdb", "mine"])
    assert _texts(rights, database="appdb") == lines
    assert _texts(rights) == []


def test_what_is_kept_on_our_roles_is_known() -> None:
    made = [
        Setting(database="postgres", role=role.name, setting=f"{name}={value}")
        for role in SERVICES
        for name, value in role.kept.items()
    ]
    first = ("default_transaction_read_only=on", "statement_timeout=10s", "lock_timeout=1s")
    made += [Setting(database="", role="monitor", setting=setting) for setting in first]
    assert foreign(made) == ()


def test_what_an_application_may_set_is_no_news() -> None:
    assert (
        foreign([Setting(database="", role="app", setting="x=1"), Setting(database="appdb", role="", setting="x=1")])
        == ()
    )


@pytest.mark.parametrize(
    ("database", "role", "text"),
    [
        ("", "postgres", "postgres has the setting role=app"),
        ("postgres", "", "postgres has the setting role=app"),
        ("appdb", "monitor", "monitor in the database appdb has the setting role=app"),
    ],
)
def test_what_only_a_superuser_can_have_set_is_a_trace(database: str, role: str, text: str) -> None:
    (found,) = foreign([Setting(database=database, role=role, setting="role=app")])
    assert found.ours
    assert found.text == text


def test_event_triggers_are_news_where_others_can_change_what_they_run() -> None:
    own = EventTrigger(name="audit", event="ddl_command_end", owner="postgres", trusted=True)
    theirs = EventTrigger(name="spy", event="login", owner="app", trusted=False)
    assert foreign_triggers("appdb", [own]) == ()
    (found,) = foreign_triggers("appdb", [own, theirs])
    assert found.text == "the event trigger spy (login) in appdb runs code of app"
    assert len(foreign_triggers("postgres", [own, theirs])) == 2
