"""What a database lacks of its extensions: in an order that works, and never more than is missing."""

from dataclasses import replace

import pytest
from hypothesis import given
from hypothesis import strategies as st

from cluster.errors import RefusedError
from compose.operations.databases.extension_plan import Available, ExtensionChange, Installed, plan

NAMES = ("one", "two", "three", "four", "five")


def _available(name: str, requires: tuple[str, ...] = (), version: str = "1", *, newest: bool = True) -> Available:
    return Available(name=name, version=version, relocatable=True, schema="", requires=requires, newest=newest)


@st.composite
def archives(draw: st.DrawFn) -> tuple[Available, ...]:
    """Extensions of which each requires only some before it: no circle, as the server wants it."""
    found = []
    for number, name in enumerate(NAMES):
        requires = draw(st.lists(st.sampled_from(NAMES[:number]), unique=True)) if number else []
        made = _available(name, tuple(requires))
        found.append(replace(made, relocatable=draw(st.booleans()), schema=draw(st.sampled_from(("", "own")))))
    return tuple(found)


def _after(installed: dict[str, Installed], changes: tuple[ExtensionChange, ...]) -> dict[str, Installed]:
    made = {
        each.name: Installed(name=each.name, version=each.version, schema=each.schema, relocatable=each.apart)
        for each in changes
    }
    return installed | made


@given(archives(), st.sets(st.sampled_from(NAMES)), st.sets(st.sampled_from(NAMES)))
def test_what_is_required_comes_first_and_a_second_plan_is_empty(
    archive: tuple[Available, ...], there: set[str], wanted: set[str]
) -> None:
    known = {each.name: each for each in archive}
    installed = {
        name: Installed(name=name, version="1", schema="public", relocatable=known[name].relocatable) for name in there
    }
    given_names = dict.fromkeys(sorted(wanted), "")
    changes = plan("shop", given_names, installed.values(), archive)
    done = set(there)
    for change in changes:
        assert change.name not in there
        assert set(known[change.name].requires) <= done
        assert "pg_catalog" not in change.trusted
        assert change.apart or change.schema in change.trusted
        done.add(change.name)
    assert wanted <= done
    assert len({change.name for change in changes}) == len(changes)
    assert plan("shop", given_names, _after(installed, changes).values(), archive) == ()


def test_another_version_is_an_update_only_where_it_is_wanted() -> None:
    archive = (_available("one", version="1", newest=False), _available("one", version="2"))
    old = Installed(name="one", version="1", schema="public", relocatable=True)
    assert plan("shop", {"one": ""}, [old], archive) == ()
    assert [(each.kind, each.version) for each in plan("shop", {"one": "2"}, [old], archive)] == [("update", "2")]
    assert [(each.kind, each.version) for each in plan("shop", {"one": ""}, [], archive)] == [("create", "2")]


@pytest.mark.parametrize(
    ("wanted", "message"),
    [
        ({"vector": ""}, "pgvector in PODS_EXTENSIONS brings it"),
        ({"one": "9"}, "not there in version 9 for shop — 1"),
        ({"six": ""}, "no node has the extension six"),
    ],
)
def test_what_no_node_has_is_refused_with_what_brings_it(wanted: dict[str, str], message: str) -> None:
    with pytest.raises(RefusedError) as caught:
        plan("shop", wanted, [], (_available("one"),))
    assert message in str(caught.value)


def test_what_its_manual_has_in_a_schema_of_its_own_is_made_there() -> None:
    partman = replace(_available("pg_partman"), relocatable=False)
    (change,) = plan("shop", {"pg_partman": ""}, [], (partman,))
    assert (change.schema, change.apart, change.trusted) == ("partman", False, ("partman",))
