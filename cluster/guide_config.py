"""What a guide follows and writes: the nodes, who of them says what it is, and the entries that lead to the primary.

`up` renders it beside PgBouncer's configuration; the guide knows nothing else of the cluster.
"""

from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path

from cluster.documents import dump, load

CONFIG_FILE = "guide.json"
DATABASES_FILE = "databases.ini"
"""What the guide writes on its volume, and PgBouncer includes."""
MOUNTED = Path("/etc/guide")
"""Where `up` mounts the rendered document."""


@dataclass(frozen=True, slots=True, kw_only=True)
class GuideMember:
    """A node: the name that it is reached by and its certificates carry, its ports; ``agent`` 0: it has no Patroni."""

    name: str
    port: int = 5432
    agent: int = 0


@dataclass(frozen=True, slots=True, kw_only=True)
class GuideConfig:
    """The nodes; each pool that leads to the primary, with what its entry says beside where.

    ``verifiers``: entries that are there for logins: they lead to the primary first, then to whoever else answers.
    """

    members: tuple[GuideMember, ...]
    pools: Mapping[str, str] = field(default_factory=dict)
    verifiers: Mapping[str, str] = field(default_factory=dict)

    def find(self, name: str) -> GuideMember | None:
        """The node called ``name``."""
        return next((member for member in self.members if member.name == name), None)


def config_text(config: GuideConfig) -> str:
    """The text of the document."""
    return dump(config)


def parse_config(text: str | bytes) -> GuideConfig:
    """The document of a text.

    Raises:
        ValueError: it is none.
    """
    return load(GuideConfig, text, "a guide's configuration")


def databases_text(config: GuideConfig, leader: str) -> str:
    """The part of PgBouncer's configuration in which ``leader`` is where the pools of the primary lead.

    Raises:
        KeyError: no node is called that.
    """
    first = config.find(leader)
    if first is None:
        raise KeyError(leader)
    # PgBouncer knows one port for all hosts of an entry
    others = [member for member in config.members if member.port == first.port and member != first]
    hosts = ",".join(member.name for member in (first, *others))
    spare = " load_balance_hosts=disable" if others else ""
    lines = [f"; Made by the guide: {leader} is the primary. Changes here are lost.", "[databases]"]
    lines += [f"{pool} = host={leader} port={first.port} {rest}" for pool, rest in config.pools.items()]
    lines += [f"{entry} = host={hosts} port={first.port}{spare} {rest}" for entry, rest in config.verifiers.items()]
    return "\n".join(lines) + "\n"
