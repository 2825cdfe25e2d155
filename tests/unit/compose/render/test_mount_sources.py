"""Where what containers see comes from: the engine follows links on the host, so no source may be where they can write.

What lies below a directory that a container may write can be a link to anywhere, put there by it.
"""

from dataclasses import replace
from pathlib import PurePosixPath
from typing import Any

from hypothesis import given
from hypothesis import strategies as st

from cluster.config.settings import Settings
from cluster.topology import Topology
from tests.fix_settings import CONCRETE, settings_of, topology_of
from tests.unit.compose.render.stack_samples import stack_of
from tests.unit.strategies import topologies

HOME = PurePosixPath("/srv/shop")
_on_or_off = st.sampled_from(["on", "off"])
_settings = st.builds(
    settings_of,
    monitoring=_on_or_off,
    health=_on_or_off,
    backup=_on_or_off,
    backup_encryption=_on_or_off,
    grafana=st.sampled_from(["auto", "on", "off"]),
    container_metrics=_on_or_off,
)


def sources(stack: dict[str, Any]) -> list[tuple[str, PurePosixPath, bool]]:
    """Every mount of every service: whose it is, where it comes from, whether it may be written to."""
    found = []
    for name, service in stack["services"].items():
        for mount in service["volumes"]:
            source, _, rest = mount.partition(":") if isinstance(mount, str) else (mount["source"], "", "")
            writable = not rest.endswith(":ro") if isinstance(mount, str) else not mount.get("read_only", False)
            found.append((name, HOME / source, writable))
        found += [(name, HOME / stack["secrets"][each]["file"], False) for each in service.get("secrets", ())]
    return found


def reachable(stack: dict[str, Any]) -> list[tuple[PurePosixPath, str]]:
    """Sources that lie in what a container may write, and whose that is."""
    every = sources(stack)
    return [
        (source, owner)
        for owner, written, writable in every
        if writable
        for _, source, _ in every
        if source != written and source.is_relative_to(written)
    ]


def _stack(settings: Settings, topology: Topology, disks: tuple[str, ...] = ()) -> Any:
    return stack_of(settings, topology, replace(CONCRETE, disks=disks))


@given(_settings, topologies(), st.booleans())
def test_no_mount_comes_from_where_a_container_may_write(settings: Settings, topology: Topology, copies: bool) -> None:
    if copies:
        topology = topology.with_copy(topology.new_copy("blue", writable=True))
    stack = _stack(settings, topology, topology.names[:1])
    assert reachable(stack) == []
    assert len(sources(stack)) > 10


def test_what_a_container_may_write_is_one_directory_of_the_data_whole() -> None:
    """The parents of all are nobody's but ours, so that none of them can be a link."""
    settings = settings_of(grafana="on")
    topology = topology_of(settings)
    topology = topology.with_copy(topology.new_copy("blue", writable=True))
    written = {source for _, source, writable in sources(_stack(settings, topology)) if writable}
    assert {source.parent for source in written} == {
        HOME / "data",
        HOME / "data" / "copies",
        HOME / "data" / "logs",
        HOME / "data" / ".sandbox",
    }


def test_the_test_would_see_it() -> None:
    stack = _stack(settings_of(), topology_of(settings_of()))
    stack["services"]["exporter"]["volumes"].append({"source": "./data/backup/state", "read_only": True})
    assert reachable(stack) == [(HOME / "data/backup/state", "backup")]
