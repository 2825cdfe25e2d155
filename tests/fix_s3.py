"""S3 servers over HTTP that are not ours: Ceph's gateway ignores conditional writes, moto's server honours them.

Each is started once; each test gets a bucket of its own. Without an engine Ceph's are skipped; under CI they fail.
"""

import datetime
import os
import secrets
import subprocess
import sys
from collections.abc import Callable, Iterator
from ipaddress import ip_address
from pathlib import Path

import pytest
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import NameOID

from backup.store.s3_client import Bucket, open_client
from cluster.errors import PodsError
from tests.fix_images import images
from tests.fix_lanes import run_label
from tests.fix_ports import one_free_port
from tests.fix_wait import wait_for_http

IMAGE = "pods-test/radosgw"
KEYS = {"access_key": "test-access", "secret_key": "test-secret-0123456789"}
MakeBucket = Callable[..., Bucket]


def self_signed(directory: Path, address: str) -> tuple[Path, Path]:
    """Files of a key and of a certificate for an IP address, which vouches for itself."""
    key = ec.generate_private_key(ec.SECP256R1())
    name = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, "s3")])
    now = datetime.datetime.now(datetime.UTC)
    builder = x509.CertificateBuilder(name, name, key.public_key(), x509.random_serial_number())
    builder = builder.not_valid_before(now - datetime.timedelta(hours=1)).not_valid_after(
        now + datetime.timedelta(days=1)
    )
    builder = builder.add_extension(x509.SubjectAlternativeName([x509.IPAddress(ip_address(address))]), critical=False)
    builder = builder.add_extension(x509.BasicConstraints(ca=True, path_length=0), critical=True)
    own = x509.SubjectKeyIdentifier.from_public_key(key.public_key())
    certificate = builder.add_extension(own, critical=False).sign(key, hashes.SHA256())
    paths = directory / "s3.key", directory / "s3.crt"
    plain = serialization.NoEncryption()
    paths[0].write_bytes(key.private_bytes(serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, plain))
    paths[1].write_bytes(certificate.public_bytes(serialization.Encoding.PEM))
    return paths


@pytest.fixture(scope="session")
def moto() -> Iterator[str]:
    """Endpoint of moto's server."""
    port = one_free_port()
    program = [str(Path(sys.executable).with_name("moto_server")), "-H", "127.0.0.1", "-p", str(port)]
    server = subprocess.Popen(program, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
    try:
        wait_for_http(f"http://127.0.0.1:{port}/", lambda: server.poll() is None)
        yield f"http://127.0.0.1:{port}"
    finally:
        server.terminate()
        server.wait(10)


def _docker(*arguments: str) -> str:
    done = subprocess.run(["docker", *arguments], capture_output=True, text=True, check=False)
    if done.returncode:
        raise AssertionError(done.stderr)
    return done.stdout.strip()


def _need_image() -> None:
    """The gateway's image, built on the base image that `inv up` makes."""
    try:
        images()
        _docker("image", "inspect", "pods/base:forky")
    except (AssertionError, PodsError) as error:
        if os.environ.get("CI"):
            raise
        pytest.skip(f"no engine, or no pods/base:forky image, as another base was chosen: {error}")
    _docker("build", "--quiet", "--tag", IMAGE, str(Path(__file__).with_name("radosgw")))


@pytest.fixture(scope="session")
def radosgw() -> Iterator[str]:
    """Endpoint of Ceph's gateway."""
    _need_image()
    name = f"pods-test-radosgw-{secrets.token_hex(4)}"
    run = ["run", "--detach", "--rm", "--name", name, "--publish", "127.0.0.1::7480", *run_label()]
    container = _docker(*run, IMAGE, KEYS["access_key"], KEYS["secret_key"])
    try:
        address = _docker("port", container, "7480/tcp").splitlines()[0]
        wait_for_http(f"http://{address}/", lambda: True)
        yield f"http://{address}"
    finally:
        _docker("rm", "--force", container)


@pytest.fixture(params=["radosgw", "moto"])
def s3(request: pytest.FixtureRequest) -> MakeBucket:
    """Makes a bucket on each of the servers."""
    endpoint: str = request.getfixturevalue(request.param)
    return bucket_maker(endpoint)


@pytest.fixture
def s3_moto(moto: str) -> MakeBucket:
    """Makes a bucket on moto's server."""
    return bucket_maker(moto)


def bucket_maker(endpoint: str) -> MakeBucket:
    """A function that makes a bucket at ``endpoint``; its arguments are those of `Bucket`."""

    def make(**options: object) -> Bucket:
        chosen = {"prefix": "some/where", "part_size": 8 << 20, "attempts": 2, **KEYS, **options}
        bucket = Bucket(name=f"b{secrets.token_hex(8)}", endpoint=endpoint, **chosen)  # type: ignore[arg-type]
        open_client(bucket).create_bucket(Bucket=bucket.name)
        return bucket

    return make
