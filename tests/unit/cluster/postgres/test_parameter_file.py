import string

import pytest
from hypothesis import given
from hypothesis import strategies as st

from cluster.postgres.parameter_file import parameters
from compose.render.postgresql_conf import postgresql_conf
from tests.fix_settings import settings_of, topology_of


@pytest.mark.parametrize(
    ("text", "found"),
    [
        ("", {}),
        ("# work_mem = 4MB\n", {}),
        ("work_mem = 4MB", {"work_mem": "4MB"}),
        ("work_mem=4MB # four\n", {"work_mem": "4MB"}),
        ("WORK_MEM 4MB\n", {"work_mem": "4MB"}),
        ("  log_line_prefix = '%m [%p] # it''s' # shown\n", {"log_line_prefix": "%m [%p] # it's"}),
        (r"a.b = 'it\'s'", {"a.b": "it's"}),
        ("a = 1\nb = 2\na = 3\n", {"b": "2", "a": "3"}),
        ("empty = ''\n", {"empty": ""}),
        ("= 5\nwork_mem =\n = off", {}),
        ("include 'other.conf'\nwork_mem = 1MB\n", {"work_mem": "1MB"}),
        ("\twork_mem\t=\t'1 MB'\r\n", {"work_mem": "1 MB"}),
    ],
)
def test_lines_are_read_as_postgresql_reads_them(text: str, found: dict[str, str]) -> None:
    assert parameters(text) == found


def test_an_included_file_counts_where_it_is_included() -> None:
    text = "a = 1\nb = 1\ninclude_if_exists = 'user.conf'\nb = 3\n"
    assert parameters(text, {"user.conf": "a = 2\nb = 2\n"}) == {"a": "2", "b": "3"}
    assert parameters(text) == {"a": "1", "b": "3"}


_NAMES = st.text(string.ascii_lowercase + "_", min_size=1, max_size=12).filter(lambda name: "include" not in name)
_VALUES = st.text(string.ascii_letters + string.digits + "'# =,%äß", max_size=20)


@given(st.dictionaries(_NAMES, _VALUES, max_size=8), st.booleans())
def test_what_is_written_quoted_is_read_as_it_was(values: dict[str, str], sign: bool) -> None:
    between = " = " if sign else " "
    lines = [f"{name}{between}'" + value.replace("'", "''") + "' # said" for name, value in values.items()]
    assert parameters("\n".join(lines)) == values


def test_every_line_that_we_render_is_read() -> None:
    settings = settings_of()
    topology = topology_of(settings)
    from cluster.sizing import derive

    text = postgresql_conf(settings, topology, derive(settings, topology.sizing), "replica1")
    lines = [line for line in text.splitlines() if line and not line.startswith("#")]
    assert len(parameters(text)) == len(lines) - 1, "the include is none"
    assert parameters(text)["primary_slot_name"] == "replica1_slot"
