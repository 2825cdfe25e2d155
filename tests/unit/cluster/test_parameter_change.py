import pytest
from hypothesis import given
from hypothesis import strategies as st

from cluster.parameter_change import NOT_LOWER, ParameterChange, ServerParameter, changes, order


def _server(name: str, context: str, *, standard: str = "", altered: bool = False) -> dict[str, ServerParameter]:
    return {name: ServerParameter(name=name, context=context, standard=standard, altered=altered)}


@pytest.mark.parametrize(
    ("context", "need"),
    [
        ("postmaster", "restart"),
        ("sighup", "reload"),
        ("superuser-backend", "reload"),
        ("backend", "reload"),
        ("superuser", "reload"),
        ("user", "reload"),
        ("internal", "nothing"),
    ],
)
def test_the_context_says_what_a_change_needs(context: str, need: str) -> None:
    (change,) = changes({"a": "1"}, {"a": "2"}, _server("a", context))
    assert (change.need, "new connections" in change.why) == (need, "backend" in context)


def test_alter_system_wins_over_every_file() -> None:
    (change,) = changes({}, {"shared_buffers": "1GB"}, _server("shared_buffers", "postmaster", altered=True))
    assert change.need == "nothing"
    assert "ALTER SYSTEM" in change.why


def test_what_no_server_knows_yet_is_taken_when_its_library_is_loaded() -> None:
    (change,) = changes({}, {"auto_explain.log_min_duration": "1s"}, {})
    assert change == ParameterChange(
        name="auto_explain.log_min_duration",
        old="",
        new="1s",
        need="reload",
        why="PostgreSQL knows it once its library is loaded",
    )


def test_what_goes_back_to_its_default_is_compared_with_that() -> None:
    known = _server("max_worker_processes", "postmaster", standard="8")
    (change,) = changes({"max_worker_processes": "16"}, {}, known)
    assert (change.new, change.why) == ("", "the primary first: it gets lower")


@given(st.sampled_from(sorted(NOT_LOWER)), st.integers(0, 1000), st.integers(0, 1000))
def test_whoever_may_not_have_less_goes_first(name: str, old: int, new: int) -> None:
    said = order(name, str(old), str(new))
    assert said.startswith("the primary first") == (new < old)
    assert order("shared_buffers", str(old), str(new)) == ""


_FILES = st.dictionaries(st.sampled_from("abcd"), st.sampled_from("12"))


@given(_FILES, _FILES)
def test_what_is_the_same_is_no_change(old: dict[str, str], new: dict[str, str]) -> None:
    found = {change.name for change in changes(old, new, {})}
    assert found == {name for name in "abcd" if old.get(name) != new.get(name)}
