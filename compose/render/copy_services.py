"""Copies beside the cluster as services: their containers, and the files these read. Pure."""

from cluster.config.settings import Settings
from cluster.sizing import MB, Derived, Sizing
from cluster.topology import Copy
from compose.render.compose_types import Service
from compose.render.host_facts import HostFacts
from compose.render.limits import bounded_copy
from compose.render.postgresql_conf import NO_MAPS, USER_HBA, copy_conf, pg_hba_conf
from compose.render.seccomp import WITHOUT_IO_URING, security_option
from compose.render.service_definition import hardened, mount
from compose.render.service_definition import port as published

DATA = "copies"
"""Their directory below data/ and below rendered/."""
_CPU_SHARES = 256
"""A quarter of what a node has (Docker's default is 1024), where both want the processor."""
_HEALTHCHECK = ["CMD", "pg_isready", "--quiet", "--host=/var/run/postgresql", "--timeout=5"]


def copy_service(
    template: Service,
    copy: Copy,
    port: int,
    settings: Settings,
    derived: Derived,
    sizing: Sizing,
    facts: HostFacts,
) -> Service:
    """A copy's container: a node's, but for what would join it to the cluster, and with less of the host."""
    service = hardened(template, facts.images.postgres, facts.user)
    del service["secrets"]
    service["security_opt"].append(security_option(WITHOUT_IO_URING, facts))
    files = {"config_file": "postgresql.conf", "hba_file": "pg_hba.conf", "ident_file": "pg_ident.conf"}
    options = [part for name, file in files.items() for part in ("-c", f"{name}=/etc/pods/{file}")]
    made: Service = {
        **service,
        "command": ["postgres", *options],
        "healthcheck": {**service["healthcheck"], "test": _HEALTHCHECK},
        "shm_size": min(derived.shm_size, 256 * MB),
        "cpu_shares": _CPU_SHARES,
        "networks": ["copies"],
        "stop_grace_period": f"{settings.stop_grace}s",
        "ports": [published(settings.bind, port, 5432)],
        "volumes": [
            *service["volumes"],
            mount(f"./data/{DATA}/{copy.name}", "/var/lib/postgresql", read_only=False),
            mount(f"./rendered/{DATA}/{copy.name}", "/etc/pods"),
            mount(f"./secrets/tls/{copy.name}", "/run/tls"),
        ],
    }
    return bounded_copy(made, sizing)


def copy_files(settings: Settings, derived: Derived, copy: Copy, user_hba: str) -> dict[str, str]:
    """What a copy reads, by path below the cluster's home; the user's own rules of who may come in hold there too."""
    directory = f"rendered/{DATA}/{copy.name}"
    return {
        f"{directory}/postgresql.conf": copy_conf(settings, derived, copy),
        f"{directory}/pg_hba.conf": pg_hba_conf(settings, node=False),
        f"{directory}/pg_ident.conf": NO_MAPS,
        f"{directory}/{USER_HBA}": user_hba,
    }
