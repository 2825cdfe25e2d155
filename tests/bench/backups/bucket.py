"""Full backups into a bucket, over TLS, of a server that is neither's: moto, which both of them can talk to."""

import socket
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from backup.store.s3_client import Bucket, open_client
from tests.bench.backups.box import BENCH
from tests.bench.backups.disk import compare_full
from tests.bench.backups.peers import Ours, Theirs
from tests.bench.backups.world import CONFIGURATION_FILE, World, world
from tests.fix_s3 import KEYS
from tests.fix_wait import wait_for_http

_PART = 16 << 20
"""Bytes of a part of an upload, ours as shipped; pgBackRest is told the same."""
_CONF = f"{BENCH}/s3.conf"
_CA = f"{BENCH}/home/secrets/tls/ca.crt"
_FRONT = 7443


@dataclass(frozen=True, slots=True)
class OursInBucket(Ours):
    """PODS into a bucket; ``client`` is for clearing and counting only."""

    client: Any = field(kw_only=True)

    def clear(self) -> None:
        """See `Peer`."""
        _empty(self.client, "ours")
        self.box.sh(f"mkdir -p {BENCH}/ours")

    def stored(self) -> float:
        """See `Peer`."""
        return sum(size for _, size in _objects(self.client, "ours")) / 1e6


@dataclass(frozen=True, slots=True)
class TheirsInBucket(Theirs):
    """pgBackRest into a bucket, in bundles of small files, as its guide says for such stores."""

    client: Any = field(kw_only=True)

    def clear(self) -> None:
        """See `Peer`."""
        _empty(self.client, "theirs")
        self.box.run(*self.command("stanza-create"))

    def stored(self) -> float:
        """See `Peer`."""
        return sum(size for _, size in _objects(self.client, "theirs")) / 1e6


def full() -> None:
    """A full backup into a bucket."""
    made = world()
    with _server() as (host, port), _front(made, host, port):
        client = open_client(
            Bucket(
                name="ours",
                endpoint=f"http://{host}:{port}",
                access_key=KEYS["access_key"],
                secret_key=KEYS["secret_key"],
            )
        )
        for bucket in ("ours", "theirs"):
            client.create_bucket(Bucket=bucket)
        _configure(made)
        place = {"name": "ours", "endpoint": f"https://127.0.0.1:{_FRONT}", "ca": _CA, "part_size": _PART, **KEYS}
        theirs = TheirsInBucket(made.box, options=("--repo1-bundle=y",), conf=_CONF, client=client)
        ours = OursInBucket(made.box, place={"bucket": place}, client=client)
        compare_full("full backup to S3", (theirs, ours), pairs=2)


@contextmanager
def _server() -> Iterator[tuple[str, int]]:
    """Where moto's server is, seen from here and from a container."""
    shown = ["docker", "network", "inspect", "-f", "{{(index .IPAM.Config 0).Gateway}}", "bridge"]
    host = subprocess.run(shown, check=True, capture_output=True, text=True).stdout.strip()
    port = _free_port(host)
    argv = [str(Path(sys.executable).with_name("moto_server")), "-H", host, "-p", str(port)]
    server = subprocess.Popen(argv, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
    try:
        wait_for_http(f"http://{host}:{port}/", lambda: server.poll() is None)
        yield host, port
    finally:
        server.terminate()
        server.wait(10)


@contextmanager
def _front(made: World, host: str, port: int) -> Iterator[None]:
    """TLS before it: pgBackRest knows no S3 without, and moto's own ends in a way that pgBackRest takes for a fault."""
    keys = f"cert = {BENCH}/tls/server.crt\nkey = {BENCH}/tls/server.key"
    conf = f"foreground = yes\npid =\n[s3]\naccept = 127.0.0.1:{_FRONT}\nconnect = {host}:{port}\n{keys}\n"
    (made.box.path / "stunnel.conf").write_text(conf)
    running = made.box.start("stunnel4", f"{BENCH}/stunnel.conf")
    try:
        made.box.sh(f"until echo | openssl s_client -connect 127.0.0.1:{_FRONT} >/dev/null 2>&1; do sleep 0.1; done")
        yield
    finally:
        made.box.sh("pkill -x stunnel4")
        running.communicate(timeout=30)


def _free_port(host: str) -> int:
    with socket.socket() as probe:
        probe.bind((host, 0))
        return int(probe.getsockname()[1])


def _configure(made: World) -> None:
    repository = {
        "repo1-type": "s3",
        "repo1-path": "/theirs",
        "repo1-s3-bucket": "theirs",
        "repo1-s3-endpoint": "127.0.0.1",
        "repo1-storage-port": str(_FRONT),
        "repo1-storage-ca-file": _CA,
        "repo1-storage-upload-chunk-size": f"{_PART >> 20}MiB",
        "repo1-s3-region": "us-east-1",
        "repo1-s3-uri-style": "path",
        "repo1-s3-key": KEYS["access_key"],
        "repo1-s3-key-secret": KEYS["secret_key"],
    }
    lines = "\n".join(f"{name}={value}" for name, value in repository.items())
    made.box.sh(
        f"sed '/^repo1-path/d' {CONFIGURATION_FILE} > {_CONF}; "
        f"sed -i '/^.global.$/r /dev/stdin' {_CONF} <<'X'\n{lines}\nX"
    )


def _objects(client: Any, bucket: str) -> Iterator[tuple[str, int]]:
    for page in client.get_paginator("list_objects_v2").paginate(Bucket=bucket):
        yield from ((found["Key"], found["Size"]) for found in page.get("Contents", []))


def _empty(client: Any, bucket: str) -> None:
    for key, _ in list(_objects(client, bucket)):
        client.delete_object(Bucket=bucket, Key=key)
