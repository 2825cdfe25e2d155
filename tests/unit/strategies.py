"""Where properties draw their examples from."""

from collections.abc import Sequence

from hypothesis import strategies as st

from cluster.images import Build
from cluster.naming import RESERVED
from cluster.sizing import Sizing
from cluster.topology import READ_POOLS, STATES, Copy, Node, NodeState, Topology

_numbered = st.integers(0, 10**6).map(lambda n: f"replica{n}")
_padded = st.tuples(st.integers(1, 3), st.integers(0, 999)).map(lambda t: f"replica{'0' * t[0]}{t[1]}")
_tricky = st.sampled_from(
    ["read", "write", "read1", "read_1", "r_", "replica", "replica_1", "a_slot", "slot", "appdb_read", "x" * 31]
)

node_names = st.one_of(st.from_regex(r"[a-z][a-z0-9_]{0,30}", fullmatch=True), _numbered, _padded, _tricky).filter(
    lambda name: name not in RESERVED
)
"""Every name a replica may have, the misleading ones often."""

BEFORE = Build(base="pods/base:forky-x", stamp="20261127T031500Z", made=(("pods/postgres:1", "sha256:2"),))

databases = st.one_of(st.just("appdb"), st.from_regex(r"[a-z_][a-z0-9_]{0,30}", fullmatch=True))

sizings = st.builds(
    Sizing,
    memory=st.integers(0, 1 << 44),
    disk=st.integers(0, 1 << 50),
    nodes=st.integers(1, 31),
)


@st.composite
def topologies(draw: st.DrawFn, *, min_nodes: int = 1, states: Sequence[NodeState] = STATES) -> Topology:
    """Any topology that can come about: nodes of any names and states, any of them the primary, ordinals with gaps.

    And copies beside them, which have ordinals between those of the nodes.
    """
    both = draw(st.lists(node_names, min_size=min_nodes, max_size=8, unique=True))
    split = draw(st.integers(min_nodes, len(both)))
    names, copies = both[:split], both[split:]
    free = draw(st.permutations(range(1, 61)))
    ordinals, theirs = sorted(free[: len(names)]), free[len(names) :][: len(copies)]
    primary = draw(st.sampled_from(names))
    return Topology(
        project=draw(st.from_regex(r"[a-z0-9][a-z0-9_-]{0,30}", fullmatch=True)),
        nodes=tuple(
            Node(
                name=name,
                ordinal=ordinal,
                state="member" if name == primary else draw(st.sampled_from(states)),
                pool=draw(st.sampled_from(READ_POOLS)),
            )
            for name, ordinal in zip(names, ordinals, strict=True)
        ),
        primary=primary,
        sizing=draw(sizings),
        image_source=draw(st.sampled_from(["", "registry", "debian"])),
        image_base=draw(st.sampled_from(["", "postgres:18", "pods/base:forky"])),
        images_before=draw(st.sampled_from([None, BEFORE])),
        system_identifier=draw(st.sampled_from(["", "7400000000000000001"])),
        lift_memlock=draw(st.booleans()),
        copies=tuple(
            Copy(name=name, ordinal=ordinal, writable=draw(st.booleans()))
            for name, ordinal in zip(copies, theirs, strict=True)
        ),
    )
