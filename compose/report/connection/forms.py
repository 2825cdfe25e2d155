"""What to paste into a program or a shell: one template per form in ``templates/``, and the values for it. Pure."""

import json
import re
from collections.abc import Mapping, Sequence
from pathlib import Path

from cluster.errors import UsageError
from compose.console import COMMAND
from compose.report.connection.details import ConnectionDetails, Server, listed
from compose.report.connection.quoting import QUOTING

_TEMPLATES = Path(__file__).with_name("templates")
_VALUE = re.compile(r"\{\{(\w+)\|(\w+)\}\}")
"""``{{ca|string}}``: the value ``ca``, written as a string of the template's language."""
FORMS = (
    "uri",
    "env",
    "psql",
    "python",
    "asyncpg",
    "sqlalchemy",
    "django",
    "node",
    "prisma",
    "jdbc",
    "rails",
    "compose",
)
"""What `inv connect --as` takes."""


_FIRST = "psql"
_LABELS = {"write": "writes", "read": "reads", "direct": "direct"}


def connection_summary(details: ConnectionDetails) -> str:
    """The addresses for libpq, and what else can be printed."""
    addresses = (f"  {_LABELS[kind]:<10} {uri}\n" for kind, uri in details.uris.items())
    database = f"{COMMAND.named('--database')}{details.database}"
    pooler, others = details.container.pooler, ", ".join(form for form in FORMS if form != _FIRST)
    return (
        f"Connect to {details.database} as {details.role}:\n"
        + "".join(addresses)
        + "direct is a session of its own, on whichever node is the primary.\n"
        + _order(details)
        + f"In a container of the network {details.network} it is {pooler.host}:{pooler.port}.\n"
        + f"To paste: {COMMAND.name} connect {database} --as {_FIRST} (or {others})\n"
    )


def _order(details: ConnectionDetails) -> str:
    hosts = len(details.poolers)
    return f"Of {hosts} PgBouncers a client takes one that answers, after 2 s the next.\n" if hosts > 1 else ""


def connection_form(form: str, details: ConnectionDetails) -> str:
    """The text of ``form``, one of ``FORMS``.

    Raises:
        UsageError: there is no such form.
    """
    if form not in FORMS:
        raise UsageError(f"nothing can be printed as {form!r}", "there are: " + ", ".join(FORMS))
    several = _TEMPLATES / "several" / f"{form}.txt"
    path = several if details.poolers and several.exists() else _TEMPLATES / f"{form}.txt"
    template = path.read_text(encoding="utf-8")
    values = _values(details)
    return _VALUE.sub(lambda found: QUOTING[found[2]](values[found[1]]), template)


def _values(details: ConnectionDetails) -> Mapping[str, str]:
    """Everything that a template may name."""
    poolers, nodes = details.poolers or (details.host.pooler,), details.nodes or (details.host.primary,)
    return {
        **_lists("", poolers),
        **_lists("node_", nodes),
        "primary_host": nodes[0].host,
        "node_port": str(nodes[0].port),
        "project": details.project,
        "database": details.database,
        "role": details.role,
        "write_pool": details.write_pool,
        "read_pool": details.read_pool,
        "host": poolers[0].host,
        "port": str(poolers[0].port),
        "primary_port": str(details.host.primary.port),
        "network": details.network,
        "container_host": details.container.pooler.host,
        "container_port": str(details.container.pooler.port),
        "container_primary": f"{details.container.primary.host}:{details.container.primary.port}",
        "ca": details.files.ca,
        "password_file": details.files.password,
        "pgpass": details.files.pgpass,
        "jdbc": details.files.jdbc,
        "pods": COMMAND.name,
        **{f"{kind}_uri": uri for kind, uri in details.uris.items()},
    }


def _lists(prefix: str, servers: Sequence[Server]) -> dict[str, str]:
    """Several servers, as drivers want them: hosts and ports apart, or each with its own; also as JSON."""
    hosts, ports = [server.host for server in servers], [server.port for server in servers]
    return {
        f"{prefix}hosts": ",".join(hosts),
        f"{prefix}ports": ",".join(map(str, ports)),
        f"{prefix}servers": listed(servers),
        f"{prefix}host_list": json.dumps(hosts),
        f"{prefix}port_list": json.dumps(ports),
        f"{prefix}names": json.dumps([listed((server,)) for server in servers]),
    }
