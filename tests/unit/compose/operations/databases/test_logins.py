"""The second login of a role: as the role in everything, last of all let in, and nobody else's role taken for one."""

from dataclasses import replace

import pytest
from hypothesis import given
from hypothesis import strategies as st

from cluster.config.databases import Declarations
from cluster.config.databases_file import parse
from cluster.errors import RefusedError
from compose.operations.databases.catalog import Catalog, ServerRole
from compose.operations.databases.drift import cluster_drift
from compose.operations.databases.execution import statement
from compose.operations.databases.logins import login_changes
from compose.operations.databases.plan import Constant, Items, ServerChange, cluster_changes, moment_of
from tests.unit.compose.operations.databases.test_plan import FRESH, a_role, titles, with_roles

DECLARED = parse("[databases.shop]\n[roles.ada]\nowner = ['shop']\n").completed("appdb", "app")
SETTINGS = st.dictionaries(
    st.tuples(st.sampled_from(["", "shop", "appdb"]), st.sampled_from(["work_mem", "jit", "search_path", "role"])),
    st.sampled_from(["on", "5MB", '"$user", public', "shop"]),
)


def right(_: str, verifier: str) -> bool:
    return verifier == "right"


def planned(catalog: Catalog, login: str = "ada_alternate", declared: Declarations = DECLARED) -> list[ServerChange]:
    return login_changes("ada", login, declared, catalog, right)


def after(catalog: Catalog, changes: list[ServerChange]) -> Catalog:
    """The catalogue once the changes were sent."""
    roles, members, settings = dict(catalog.roles), set(catalog.memberships), set(catalog.settings)
    for change in changes:
        parts = change.parts
        name = str(parts.get("role", ""))
        match change.query:
            case "create_second_login":
                roles[name] = replace(a_role(name), login=False, verifier="")
                members.add((name, str(parts["group"])))
            case "allow_login":
                roles[name] = replace(roles[name], login=True, verifier="right")
            case "limit_connections":
                roles[name] = replace(roles[name], connection_limit=int(str(parts["limit"])))
            case "limit_validity":
                assert isinstance(parts["moment"], Constant)
                roles[name] = replace(roles[name], valid_until=moment_of(parts["moment"].text))
            case "set_kept" | "set_for_role" | "reset_kept" | "reset_role":
                where = (str(parts.get("database", "")), name)
                settings = {each for each in settings if not _is(each, where, str(parts["parameter"]))}
                if isinstance(value := parts.get("value"), Items):
                    settings.add((*where, f"{parts['parameter']}={', '.join(value.texts)}"))
            case other:
                raise AssertionError(other)
    return replace(catalog, roles=roles, memberships=frozenset(members), settings=frozenset(settings))


def _is(setting: tuple[str, str, str], where: tuple[str, str], parameter: str) -> bool:
    return setting[:2] == where and setting[2].partition("=")[0] == parameter


def own(catalog: Catalog, role: str) -> dict[tuple[str, str], str]:
    found = [(base, text.partition("=")) for base, who, text in catalog.settings if who == role]
    return {(base, name): value.replace('"', "") for base, (name, _, value) in found}


def test_a_new_one_is_let_in_last() -> None:
    found = planned(with_roles(a_role("ada")))
    assert [change.query for change in found] == ["create_second_login", "set_for_role", "set_kept", "allow_login"]
    assert statement(found[0]).endswith('CREATE ROLE "ada_alternate" NOLOGIN IN ROLE "ada"')
    assert statement(found[1]) == 'ALTER ROLE "ada_alternate" SET "role" = \'ada\''
    assert statement(found[-1]) == "ALTER ROLE \"ada_alternate\" LOGIN PASSWORD '…'"


def test_the_role_itself_is_only_given_its_password() -> None:
    closed = with_roles(a_role("ada", login=False, verifier=""))
    assert [change.query for change in planned(closed, "ada")] == ["allow_login"]
    assert planned(with_roles(a_role("ada")), "ada") == []


@given(
    SETTINGS,
    SETTINGS,
    st.builds(lambda n, t: (n, t), st.integers(-1, 9), st.none() | st.just(2.0e9)),
    st.sampled_from(["", "connection_limit = 4\n", "valid_until = 2037-01-31\n", "settings = { jit = false }\n"]),
)
def test_it_ends_as_the_role_is_whatever_either_was_and_a_second_time_nothing_is_left(
    theirs: dict[tuple[str, str], str],
    stale: dict[tuple[str, str], str],
    limits: tuple[int, float | None],
    more: str,
) -> None:
    declared = parse(f"[databases.shop]\n[roles.ada]\nowner = ['shop']\n{more}").completed("appdb", "app")
    first = a_role("ada", connection_limit=limits[0], valid_until=limits[1])
    catalog = with_roles(first, a_role("ada_alternate"), memberships=(("ada_alternate", "ada"),))
    both = {("ada", *key): value for key, value in theirs.items()}
    both |= {("ada_alternate", *key): value for key, value in stale.items()}
    settings = {(base, who, f"{name}={value}") for (who, base, name), value in both.items()}
    done = after(
        replace(catalog, settings=frozenset(settings)),
        planned(replace(catalog, settings=frozenset(settings)), declared=declared),
    )
    assert planned(done, declared=declared) == []
    wanted = {("", "role"): "ada"} | own(done, "ada") | {("shop", "role"): "shop"}
    if "jit" in more:
        wanted[("", "jit")] = "off"
    assert own(done, "ada_alternate") == wanted
    second = done.roles["ada_alternate"]
    assert second.connection_limit == (4 if "limit" in more else limits[0])
    if "valid" not in more:
        assert second.valid_until in (limits[1], float("inf"))


@pytest.mark.parametrize(
    "stranger", [a_role("ada_alternate"), a_role("ada_alternate", login=False), a_role("ada_alternate", mighty=True)]
)
def test_a_role_of_somebody_else_with_that_name_is_refused(stranger: ServerRole) -> None:
    with pytest.raises(RefusedError, match="is no second login of ada"):
        planned(with_roles(a_role("ada"), stranger))


def test_one_that_became_more_than_an_application_is_refused() -> None:
    mighty = with_roles(a_role("ada"), a_role("ada_alternate", mighty=True), memberships=(("ada_alternate", "ada"),))
    with pytest.raises(RefusedError, match="is no second login of ada"):
        planned(mighty)


@pytest.mark.parametrize("allowed", [True, False])
def test_while_the_second_login_is_in_use_the_role_is_neither_let_in_nor_closed(allowed: bool) -> None:
    declared = parse("[roles.ada]").completed("appdb", "app")
    catalog = with_roles(a_role("ada", login=allowed, verifier="of before"))
    assert cluster_changes(declared, catalog, right, "app", ["ada"]) == []


def test_a_role_that_an_old_backup_does_not_have_is_made_without_a_login() -> None:
    declared = parse("[roles.ada]").completed("appdb", "app")
    assert titles(cluster_changes(declared, FRESH, right, "app", ["ada"])) == ["group ada"]


def test_the_second_login_of_a_declared_role_is_no_drift() -> None:
    known = with_roles(a_role("ada"), memberships=(("ada_alternate", "ada"), ("eve", "ada")))
    written = parse("[roles.ada]")
    found = cluster_drift(written, written.completed("appdb", "app"), known)
    assert [each.text for each in found] == ["eve is a member of ada"]
