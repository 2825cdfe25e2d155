"""Images from this machine's engine into those of hosts: once per id, through the forwarded sockets.

What an image *is* are its layers and what it starts; the id that an engine gives it depends on how that engine stores
images (the digest of a configuration, or of a manifest), so ids of two engines are not compared.
"""

import contextlib
import hashlib
import json
import shutil
import subprocess
from collections.abc import Mapping, Sequence
from tempfile import TemporaryFile
from typing import IO, TYPE_CHECKING, Any

from cluster.errors import MachineError
from cluster.units import human_size
from compose.console import Progress
from compose.process import last_words

if TYPE_CHECKING:
    from docker import DockerClient

_CHUNK = 1 << 20
_COMPRESSORS = (("zstd", "-q", "-c", "-T0", "-1"), ("pigz", "-c", "-1"), ("gzip", "-c", "-1"))
"""The first that there is; every engine reads all of them."""


def image_identity(client: "DockerClient", reference: str) -> str:
    """What the image is, the same on every engine; "" where there is none of that name."""
    from docker.errors import ImageNotFound

    try:
        found: dict[str, Any] = client.images.get(reference).attrs
    except ImageNotFound:
        return ""
    return identity_of(found)


def identity_of(found: Mapping[str, Any]) -> str:
    """Of what `docker image inspect` says. Pure."""
    config = found.get("Config") or {}
    started = {key: config.get(key) or None for key in ("Cmd", "Entrypoint", "Env", "User", "WorkingDir", "Labels")}
    layers = (found.get("RootFS") or {}).get("Layers") or []
    text = json.dumps([layers, found.get("Architecture"), started], sort_keys=True)
    return hashlib.sha256(text.encode()).hexdigest()


def missing_images(source: "DockerClient", target: "DockerClient", references: Sequence[str]) -> list[str]:
    """Which of the images another engine has not, or has otherwise.

    Raises:
        MachineError: this machine has it not either.
    """
    missing = []
    for reference in dict.fromkeys(references):
        wanted = image_identity(source, reference)
        if not wanted:
            raise MachineError(f"the image {reference} is not on this machine", "run inv up, which makes it")
        if image_identity(target, reference) != wanted:
            missing.append(reference)
    return missing


def transfer(source: str, targets: Mapping[str, str], references: Sequence[str], step: Progress | None) -> None:
    """Send images from the engine at ``source`` into those at ``targets`` (address by host's name): packed once.

    Raises:
        MachineError: it could not be read here, or a host did not take it; says which.
    """
    saved = ["docker", "--host", source, "save", *references]
    with contextlib.ExitStack() as stack:
        errors = stack.enter_context(TemporaryFile())
        save = stack.enter_context(_process(saved, errors, stdout=subprocess.PIPE))
        packed = stack.enter_context(_process(_compressor(), errors, stdin=save.stdout, stdout=subprocess.PIPE))
        loads = {name: stack.enter_context(_Load(name, address)) for name, address in targets.items()}
        assert packed.stdout is not None
        assert save.stdout is not None
        save.stdout.close()
        sent = 0
        while chunk := packed.stdout.read(_CHUNK):
            sent += len(chunk)
            for load in loads.values():
                load.write(chunk)
            if step is not None:
                step.update(f"{human_size(sent)} to {', '.join(loads)}")
        if save.wait() or packed.wait():
            errors.seek(0)
            raise MachineError(f"docker save failed: {last_words(errors.read().decode(errors='replace'), 1)}")
        for load in loads.values():
            load.finish()


class _Load:
    """`docker load` on one host."""

    def __init__(self, name: str, address: str) -> None:
        self._name = name
        self._errors = TemporaryFile()  # noqa: SIM115 - closed in __exit__
        self._argv = ["docker", "--host", address, "load", "--quiet"]
        self._process = _process(self._argv, self._errors, stdin=subprocess.PIPE, stdout=subprocess.DEVNULL)

    def __enter__(self) -> "_Load":
        return self

    def __exit__(self, *_: object) -> None:
        if self._process.poll() is None:
            self._process.kill()
        with contextlib.suppress(BrokenPipeError), self._process:
            pass
        self._errors.close()

    def write(self, chunk: bytes) -> None:
        assert self._process.stdin is not None
        try:
            self._process.stdin.write(chunk)
        except BrokenPipeError:
            self._fail()

    def finish(self) -> None:
        assert self._process.stdin is not None
        try:
            self._process.stdin.close()
        except BrokenPipeError:
            self._fail()
        if self._process.wait():
            self._fail()

    def _fail(self) -> None:
        self._process.wait()
        self._errors.seek(0)
        reason = last_words(self._errors.read().decode(errors="replace"), 1)
        raise MachineError(f"host {self._name} does not take the images: {reason}", "see inv hosts.check")


def _process(
    argv: Sequence[str], errors: IO[bytes], *, stdin: IO[bytes] | int | None = None, stdout: int
) -> "subprocess.Popen[bytes]":
    return subprocess.Popen(
        argv, stdin=subprocess.DEVNULL if stdin is None else stdin, stdout=stdout, stderr=errors, start_new_session=True
    )


def _compressor() -> Sequence[str]:
    found = next((argv for argv in _COMPRESSORS if shutil.which(argv[0])), None)
    if found is None:
        raise MachineError("neither zstd nor gzip is installed here", "install zstd; images are sent packed")
    return found
