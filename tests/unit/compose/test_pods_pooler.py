"""The script of PgBouncer's container: what it makes of the names of nodes that are out, whatever these are."""

import subprocess
from pathlib import Path

from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from cluster.config.env_file import PROJECT_ROOT
from cluster.sizing import derive
from compose.render.pgbouncer_ini import pgbouncer_ini
from tests.fix_settings import settings_of, topology_of

SCRIPT = PROJECT_ROOT / "compose" / "images" / "database" / "pods-pooler"
SETTINGS = settings_of(replicas="3")
TOPOLOGY = topology_of(SETTINGS)
INI = pgbouncer_ini(SETTINGS, TOPOLOGY, derive(SETTINGS, TOPOLOGY.sizing))


def _readers(tmp_path: Path, out: str) -> dict[str, str]:
    """Entries by name, with the hosts they lead to."""
    (tmp_path / "ini").write_text(INI)
    done = subprocess.run(["sh", SCRIPT, "readers", out, tmp_path / "ini"], capture_output=True, text=True, check=True)
    lines = [line.split(" = ", 1) for line in done.stdout.splitlines()]
    known = {line.split(" = ")[0]: line.split(" = ", 1)[1] for line in INI.splitlines() if " = host=" in line}
    for name, entry in lines:  # nothing but the hosts differs
        assert entry.split(" ")[1:] == known[name].split(" ")[1:]
    return {name: entry.split(" ")[0].removeprefix("host=") for name, entry in lines}


def test_nodes_that_are_out_are_left_out_of_the_pools_of_several(tmp_path: Path) -> None:
    assert _readers(tmp_path, "replica1 ") == dict.fromkeys(("appdb_read", "asked.all.readers"), "replica2,replica3")
    assert _readers(tmp_path, "replica1 replica3 ") == dict.fromkeys(("appdb_read", "asked.all.readers"), "replica2")


def test_nobody_out_is_as_rendered_and_so_is_everybody(tmp_path: Path) -> None:
    assert _readers(tmp_path, "") == {}
    assert _readers(tmp_path, "replica1 replica2 replica3 ") == {}


@settings(max_examples=20, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(st.text(st.characters(blacklist_characters="\0", blacklist_categories=["Cs"]), max_size=40))
def test_what_names_no_node_changes_nothing(tmp_path: Path, out: str) -> None:
    """Whoever has taken the health service over says nothing else to PgBouncer by it."""
    hosts = set(_readers(tmp_path, out).values())
    assert hosts <= {"replica1,replica2", "replica1,replica3", "replica2,replica3", "replica1", "replica2", "replica3"}
