"""Manifests of one cluster: a replica cluster that streams from this one until it is cut over, poolers, backups. Pure.

Roles, passwords, grants and databases are in the data that it copies, hence in no manifest; a manifest names a secret
and never holds one. docs/how-to/kubernetes.md has the steps.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from cluster.config.settings import Settings
from cluster.pools import synchronous_count
from compose.render.kubernetes.operator_schedule import six_fields

Manifest = Mapping[str, Any]
_CLUSTER_API, _STORE_API = "postgresql.cnpg.io/v1", "barmancloud.cnpg.io/v1"
_PLUGIN = "barman-cloud.cloudnative-pg.io"
SOURCE = "compose"
"""What the running cluster is called in the manifests."""
STREAMING_ROLE = "streaming_replica"
"""The operator's own role for streaming: its replicas stream as that, so the copied data must hold it."""
LONGEST_NAME = 40
"""Characters: the operator adds suffixes to a cluster's name, and a service's name may have 63."""


@dataclass(frozen=True, slots=True, kw_only=True)
class ExportRequest:
    """What settings do not say: where the primary is reached from there, how much disk, which image; bytes.

    ``parameters`` are those of our postgresql.conf that the operator takes, ``libraries`` what is preloaded,
    ``pooler`` PgBouncer's; ``hba`` the user's own lines.
    """

    host: str
    port: int
    storage: int
    image: str = ""
    instances: int = 3
    parameters: Mapping[str, str]
    libraries: tuple[str, ...] = ()
    pooler: Mapping[str, str]
    hba: tuple[str, ...] = ()


def manifests(settings: Settings, request: ExportRequest) -> dict[str, list[Manifest]]:
    """The objects of every file, by its name, in the order in which they are applied."""
    name = kubernetes_name(settings.project)
    to_store = settings.backup == "on" and settings.s3_bucket
    poolers = [_pooler(name, "rw", request), *([_pooler(name, "ro", request)] if request.instances > 1 else [])]
    return {
        **({"10-object-store.yaml": [_object_store(name, settings)]} if to_store else {}),
        "20-cluster.yaml": [_cluster(name, settings, request, archives=bool(to_store))],
        "30-poolers.yaml": poolers,
        **({"40-backups.yaml": [_scheduled_backup(name, settings)]} if to_store else {}),
    }


def kubernetes_name(project: str) -> str:
    """The project as a name that Kubernetes takes: RFC 1123, no underscore."""
    return project.replace("_", "-").strip("-")[:LONGEST_NAME].strip("-")


def _object(api: str, kind: str, name: str, spec: Mapping[str, Any]) -> Manifest:
    return {"apiVersion": api, "kind": kind, "metadata": {"name": name}, "spec": spec}


def _cluster(name: str, settings: Settings, request: ExportRequest, *, archives: bool) -> Manifest:
    postgresql = {
        "parameters": dict(request.parameters),
        **({"shared_preload_libraries": list(request.libraries)} if request.libraries else {}),
        **({"pg_hba": list(request.hba)} if request.hba else {}),
        **_synchronous(settings),
    }
    spec = {
        "instances": request.instances,
        **({"imageName": request.image} if request.image else {}),
        "smartShutdownTimeout": 0,  # or a switchover waits for clients to leave, three minutes long
        "postgresql": postgresql,
        "bootstrap": {
            "pg_basebackup": {
                "source": SOURCE,
                "database": settings.database,
                "owner": settings.user,
                "secret": {"name": f"{name}-app"},
            }
        },
        "replica": {"enabled": True, "source": SOURCE},
        "externalClusters": [_source(name, request)],
        "storage": {"size": _size(request.storage)},
        "walStorage": {"size": _size(max(request.storage // 4, 10 << 30))},
        **({"plugins": [_archiver(name)]} if archives else {}),
    }
    return _object(_CLUSTER_API, "Cluster", name, spec)


def _synchronous(settings: Settings) -> dict[str, Any]:
    if settings.sync == "off":
        return {}
    method = settings.sync.split(":")[0]
    return {"synchronous": {"method": method, "number": synchronous_count(settings), "dataDurability": "required"}}


def _source(name: str, request: ExportRequest) -> dict[str, Any]:
    return {
        "name": SOURCE,
        "connectionParameters": {
            "host": request.host,
            "port": str(request.port),
            "user": STREAMING_ROLE,
            "sslmode": "verify-full",
        },
        "password": {"name": f"{name}-streaming", "key": "password"},
        "sslRootCert": {"name": f"{name}-source-ca", "key": "ca.crt"},
    }


def _archiver(name: str) -> dict[str, Any]:
    """Under a name of its own: our archive has another layout, and neither reads the other's."""
    parameters = {"barmanObjectName": f"{name}-store", "serverName": f"{name}-kubernetes"}
    return {"name": _PLUGIN, "isWALArchiver": True, "parameters": parameters}


def _object_store(name: str, settings: Settings) -> Manifest:
    prefix = f"{settings.s3_prefix.strip('/')}/kubernetes".strip("/")
    key = f"{name}-s3"
    configuration = {
        "destinationPath": f"s3://{settings.s3_bucket}/{prefix}/",
        **({"endpointURL": settings.s3_endpoint} if settings.s3_endpoint else {}),
        **({"endpointCA": {"name": f"{name}-s3-ca", "key": "ca.crt"}} if settings.s3_ca else {}),
        "s3Credentials": {
            "accessKeyId": {"name": key, "key": "ACCESS_KEY_ID"},
            "secretAccessKey": {"name": key, "key": "ACCESS_SECRET_KEY"},
        },
        "wal": {"compression": "zstd", "maxParallel": 4},
        "data": {"compression": "gzip"},
    }
    spec = {"retentionPolicy": f"{settings.backup_retention_days}d", "configuration": configuration}
    return _object(_STORE_API, "ObjectStore", f"{name}-store", spec)


def _scheduled_backup(name: str, settings: Settings) -> Manifest:
    spec = {
        "schedule": six_fields(settings.backup_schedule),
        "cluster": {"name": name},
        "method": "plugin",
        "pluginConfiguration": {"name": _PLUGIN},
        "backupOwnerReference": "self",
        "suspend": True,  # until the cut: what streams from here is backed up here
    }
    return _object(_CLUSTER_API, "ScheduledBackup", f"{name}-backups", spec)


def _pooler(name: str, kind: str, request: ExportRequest) -> Manifest:
    spec = {
        "cluster": {"name": name},
        "type": kind,
        "instances": min(2, request.instances),
        "pgbouncer": {"poolMode": "transaction", "parameters": dict(request.pooler)},
    }
    return _object(_CLUSTER_API, "Pooler", f"{name}-pooler-{kind}", spec)


def _size(size: int) -> str:
    return f"{-(-size // (1 << 30))}Gi"


def manifest_text(objects: list[Manifest]) -> str:
    """The objects as YAML."""
    import yaml

    return yaml.safe_dump_all(objects, sort_keys=False, explicit_start=True, width=120)
