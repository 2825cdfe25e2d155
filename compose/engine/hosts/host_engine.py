"""The Docker engine of one host, and the host's home: files, images, and what runs there."""

import shlex
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from cluster.errors import MachineError, RefusedError
from compose.console import Progress
from compose.engine.hosts.claims import foreign_claim
from compose.engine.hosts.host_containers import SECONDS, HostContainers, engine_client
from compose.engine.hosts.image_transfer import missing_images, transfer
from compose.engine.hosts.kept_copies import keep_copies
from compose.engine.hosts.shipped_files import (
    APPLY_SCRIPT,
    CLAIM,
    CLAIM_SCRIPT,
    FOLDER_SCRIPT,
    LEAVE_SCRIPT,
    LIST_SCRIPT,
    MAKE_SCRIPT,
    MOUNTED,
    UNMAKE_SCRIPT,
    HostFile,
    HostListing,
    archive,
    check_paths,
    difference,
    read_listing,
)


@dataclass(frozen=True)
class HostEngine(HostContainers):
    """One host, reached."""

    def make_home(self) -> None:
        """Make the directory there, and make it ours; one that is ours already stays as it is.

        Raises:
            RefusedError: there is something else in it, or another machine controls it.
        """
        self.load_images([self.image])
        mounts = (f"--volume={self.home}:{MOUNTED}",)
        argv = self.run_argv(self.image, ["-c", MAKE_SCRIPT], mounts)
        argv.insert(argv.index("--rm"), "--entrypoint=bash")
        found = self.output(argv, self.control.text.encode(), SECONDS).decode().strip()
        if found:
            raise RefusedError(
                f"{self.home} on host {self.name} is not empty ({found}) and no home of PODS",
                f"choose another home for it in config/hosts.toml, or empty that directory on {self.host.ssh}",
            )
        self._check_control(self.listing())

    def unmake_home(self) -> None:
        """Take back what `make_home` made, if nothing was put into it since."""
        self._script(UNMAKE_SCRIPT)

    def leave_home(self, stamp: str, *, purge: bool) -> str:
        """Remove our files there; its data is moved aside unless ``purge``. Returns where it is now, "" if nowhere."""
        keep_copies(self.folder, {})
        return self._script(LEAVE_SCRIPT, "purge" if purge else "keep", stamp).decode().strip()

    def make_folders(self, *names: str) -> None:
        """Make directories below data/ there that the services' user alone may enter."""
        self._script(FOLDER_SCRIPT, *names)

    def listing(self) -> HostListing:
        """Who controls the host, and what lies there of what we shipped."""
        return read_listing(self._script(LIST_SCRIPT))

    def digests(self) -> Mapping[str, str]:
        """Content, mode and owner of each file there that PODS ships, by path."""
        return self.listing().digests

    def ship(self, files: Mapping[str, HostFile]) -> tuple[str, ...]:
        """Let the host have these files, and no others of ours: what differs is sent, what no longer belongs removed.

        What everybody may read is kept here too, where Compose reads it. Compared again when it is done.

        Returns:
            The paths that were written or removed there.

        Raises:
            RefusedError: another machine controls the host.
            MachineError: what lies there afterwards is not what was sent.
        """
        check_paths(files)
        found = self.listing()
        self._check_control(found)
        change = difference(files, found.digests)
        if change.paths or found.claim != self.control.text:
            after = self._script(APPLY_SCRIPT, stdin=archive(files, change, self.control.text))
            left = difference(files, read_listing(after).digests).paths
            if left:
                raise MachineError(
                    f"host {self.name} has not what was sent: {', '.join(left[:3])}",
                    f"does somebody else write in {self.home} there? Run this again",
                )
        self._keep(files)
        return change.paths

    def claim(self) -> str:
        """Who controls the host, as its file says; "" where nobody does yet, or nobody can read it.

        Read by the shell there, which takes a fifth of the time of a container; by that where the file is closed to it.
        """
        if found := self.shell(f"cat {shlex.quote(f'{self.home}/{CLAIM}')} 2> /dev/null || :").strip():
            return found
        return "" if self.missing_images([self.image]) else self.listing().claim

    def check_control(self) -> None:
        """Nothing, where this machine controls the host.

        Raises:
            RefusedError: another one does; or nobody yet.
        """
        self._check_control(self.listing())

    def take_over(self) -> None:
        """Control the host from here, whoever did."""
        self._script(CLAIM_SCRIPT, stdin=self.control.text.encode())

    def _check_control(self, found: HostListing) -> None:
        refused = foreign_claim(self.host, found.claim, self.control)
        if refused is not None:
            raise refused

    def _keep(self, files: Mapping[str, HostFile]) -> None:
        keep_copies(self.folder, {path: f.content for path, f in files.items() if not path.startswith("secrets/")})

    def missing_images(self, references: Sequence[str]) -> list[str]:
        """Which of these images of this machine the host has not, or has otherwise."""
        if self.host.local:
            return []
        return missing_images(engine_client(self.source, "this machine"), self.client, references)

    def load_images(self, references: Sequence[str], step: Progress | None = None) -> list[str]:
        """Let the host have these images of this machine; return those that were sent."""
        missing = self.missing_images(references)
        if missing:
            transfer(self.source, {self.name: self.address}, missing, step)
            if left := self.missing_images(missing):
                raise MachineError(f"host {self.name} has another {left[0]} than this machine", "run this again")
        return missing

    def _script(self, script: str, *arguments: str, stdin: bytes = b"") -> bytes:
        self.load_images([self.image])
        return self.run(self.image, ["-c", script, "sh", *arguments], stdin, entrypoint="bash")
