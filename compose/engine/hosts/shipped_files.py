"""Files of a host: what lies there against what shall, and the archive that makes the difference. Pure.

They go into a container of PODS' own image there, which has the host's home: so owners and modes are right without
being root over ssh. Only what PODS rendered is compared, written or removed; what services keep in data/ is theirs.
"""

import hashlib
import io
import re
import tarfile
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from pathlib import PurePosixPath

from compose.home.paths import ASIDE, SERVICE_UID

HOST_USER = (SERVICE_UID, SERVICE_UID)
"""Containers on hosts run as this: it is root that started them there."""
OWN = ("compose.yaml", "rendered", "secrets")
"""All that is PODS' alone in a host's home."""
MOUNTED = "/pods"
"""Where a container that works on files has the host's home."""
CLAIM = ".control"
"""File in a host's home: who controls it."""
_INCOMING = ".incoming"
_REMOVED = ".removed"
_PATH = re.compile(r"[A-Za-z0-9_][A-Za-z0-9._-]*(/[A-Za-z0-9_.][A-Za-z0-9._-]*)*\Z")


@dataclass(frozen=True, slots=True, kw_only=True)
class HostFile:
    """A file as it shall be on a host."""

    content: bytes
    mode: int = 0o644
    owner: tuple[int, int] = (0, 0)

    @property
    def digest(self) -> str:
        """Content, mode and owner, as `read_listing` gives them."""
        uid, gid = self.owner
        return f"{hashlib.sha256(self.content).hexdigest()} {self.mode:o} {uid}:{gid}"


def plain_files(texts: Mapping[str, str]) -> dict[str, HostFile]:
    """Rendered files, which everybody there may read, by their path below the host's home."""
    return {path: HostFile(content=text.encode()) for path, text in texts.items()}


def secret_files(contents: Mapping[str, bytes]) -> dict[str, HostFile]:
    """Files that the services' user alone may read, by their path below the host's home."""
    return {path: HostFile(content=content, mode=0o600, owner=HOST_USER) for path, content in contents.items()}


@dataclass(frozen=True, slots=True, kw_only=True)
class HostListing:
    """What lies in a host's home: who controls it ("" where nobody does yet), and digests by path."""

    claim: str
    digests: Mapping[str, str]


LIST_SCRIPT = f"""
set -eu
cd {MOUNTED}
if [ -f {CLAIM} ]; then cat {CLAIM}; fi
printf '\\0'
set -- $(for each in {" ".join(OWN)}; do if [ -e $each ] || [ -h $each ]; then echo $each; fi; done)
if [ $# -gt 0 ]; then
    find "$@" ! -type d -printf '%y %m %U:%G %p\\0'
    printf '\\0'
    find "$@" -type f -exec sha256sum -z {{}} +
fi
"""


def read_listing(output: bytes) -> HostListing:
    """Parse what `LIST_SCRIPT` printed."""
    claim, _, rest = output.partition(b"\0")
    listed, _, summed = rest.partition(b"\0\0")
    pairs = [line.split("  ", 1) for line in summed.decode().split("\0") if line]
    sums = {path: digest for digest, path in pairs}
    digests = {}
    for line in listed.decode().split("\0"):
        kind, mode, owner, path = line.split(" ", 3) if line else ("", "", "", "")
        if path:
            digests[path] = f"{sums.get(path, '')} {mode} {owner}" if kind == "f" else f"no file but {kind}"
    return HostListing(claim=claim.decode().strip(), digests=digests)


@dataclass(frozen=True, slots=True, kw_only=True)
class Difference:
    """Paths to write and paths to remove."""

    written: tuple[str, ...] = ()
    removed: tuple[str, ...] = ()

    @property
    def paths(self) -> tuple[str, ...]:
        """All of them."""
        return tuple(sorted((*self.written, *self.removed)))


def difference(wanted: Mapping[str, HostFile], there: Mapping[str, str]) -> Difference:
    """What must be done so that a host has these files and no others."""
    return Difference(
        written=tuple(sorted(path for path, file in wanted.items() if there.get(path) != file.digest)),
        removed=tuple(sorted(path for path in there if path not in wanted)),
    )


def check_paths(paths: Iterable[str]) -> None:
    """Refuse a path that is not PODS' own in a host's home; a mistake of ours."""
    for path in paths:
        if not _PATH.match(path) or ".." in path.split("/") or path.split("/")[0] not in OWN:
            raise ValueError(f"{path!r} is not one of the files that PODS has on a host")


def archive(wanted: Mapping[str, HostFile], change: Difference, claim: str) -> bytes:
    """A tar for `APPLY_SCRIPT`: the files to write, who controls the host, and the names to remove."""
    made = io.BytesIO()
    with tarfile.open(fileobj=made, mode="w", format=tarfile.GNU_FORMAT) as tar:
        for path in change.written:
            _add(tar, path, wanted[path])
        _add(tar, CLAIM, HostFile(content=claim.encode()))
        _add(tar, _REMOVED, HostFile(content="".join(f"{path}\n" for path in change.removed).encode()))
    return made.getvalue()


def _add(tar: tarfile.TarFile, path: str, file: HostFile) -> None:
    for parent in [*reversed(PurePosixPath(path).parents)][1:]:
        folder = tarfile.TarInfo(str(parent))
        folder.type, folder.mode = tarfile.DIRTYPE, 0o755
        tar.addfile(folder)
    member = tarfile.TarInfo(path)
    member.size, member.mode = len(file.content), file.mode
    member.uid, member.gid = file.owner
    tar.addfile(member, io.BytesIO(file.content))


APPLY_SCRIPT = f"""
set -eu
umask 022
cd {MOUNTED}
rm -rf {_INCOMING}
mkdir -m 0700 {_INCOMING}
tar --extract --touch --preserve-permissions --numeric-owner --same-owner --file - --directory {_INCOMING}
cd {_INCOMING}
sync --file-system .
find . -type f ! -name {_REMOVED} | while read -r file; do
    mkdir -p "../$(dirname "$file")"
    mv -f -T "$file" "../$file"
done
while read -r file; do rm -f "../$file"; done < {_REMOVED}
cd ..
rm -rf {_INCOMING}
if [ -d secrets ]; then chmod 0700 secrets; fi
for each in rendered secrets; do if [ -d $each ]; then find $each -mindepth 1 -type d -empty -delete; fi; done
sync --file-system .
{LIST_SCRIPT}"""
"""Each file under another name first, then renamed: a reader sees the old one or the new one, never half of one.

Prints what lies there then."""

MAKE_SCRIPT = f"""
set -eu
cd {MOUNTED}
if [ ! -e {CLAIM} ]; then
    found=$(ls -A | grep -v -x -e lost+found -e {_INCOMING} -e {ASIDE} | head -3 | tr '\\n' ' ')
    if [ -n "$found" ]; then echo "$found"; exit 0; fi
    chmod 0755 .
    set -C
    cat > {CLAIM}
    sync --file-system .
fi
"""
"""Makes the home of a host PODS' own, unless there is something in it; prints what."""

FOLDER_SCRIPT = f"""
set -eu
cd {MOUNTED}
mkdir -p -m 0755 data
for name in "$@"; do install -d -m 0700 -o {SERVICE_UID} -g {SERVICE_UID} "data/$name"; done
"""

CLAIM_SCRIPT = f"""
set -eu
cd {MOUNTED}
cat > {CLAIM}.new
mv -f {CLAIM}.new {CLAIM}
sync --file-system .
"""

UNMAKE_SCRIPT = f"""
set -eu
cd {MOUNTED}
rm -rf {_INCOMING}
if [ -z "$(ls -A | grep -v -x -e lost+found -e {ASIDE} -e {CLAIM})" ]; then rm -f {CLAIM}; fi
"""
"""Of a home that was made and never used; the empty directory stays."""

LEAVE_SCRIPT = f"""
set -eu
cd {MOUNTED}
rm -rf {_INCOMING} rendered secrets compose.yaml
if [ -d data ]; then
    rmdir data/* data 2>/dev/null || true
fi
if [ -d data ]; then
    if [ "$1" = purge ]; then rm -rf data; else
        mkdir -p -m 0700 {ASIDE}
        mv -T data "{ASIDE}/$2"
        echo "{ASIDE}/$2"
    fi
fi
rm -f {CLAIM}
sync --file-system .
"""
"""Takes our files out of the home of a host that is no more one; data is moved aside unless it shall be purged."""
