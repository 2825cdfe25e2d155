"""Which archives of this cluster its stores were seen to hold: noted by the backup service, compared before each use.

An empty directory may be where a disk is not mounted, an empty bucket a mistyped one. What a store is known by is the
description of the archive in it, which is written once and never again; of that, the SHA-256 as it is stored.
"""

from dataclasses import dataclass, field, replace
from os.path import normpath

from cluster.config.settings import Settings
from cluster.documents import load

KNOWN_STORES = "stores.json"
"""In the backup service's own directory."""
DEFAULT_DIRECTORY = "data/backups"


@dataclass(frozen=True, slots=True, kw_only=True)
class KnownStores:
    """``archives``: by address of a store, the archives of cluster ``system_identifier`` that were seen there."""

    system_identifier: str = ""
    archives: dict[str, tuple[str, ...]] = field(default_factory=dict)

    def of(self, system: str) -> "KnownStores":
        """The same, or nothing where it was another cluster's."""
        return self if self.system_identifier == system else KnownStores(system_identifier=system)

    def with_archive(self, address: str, archive: str) -> "KnownStores":
        """With one more that is the right one; disks may take turns."""
        known = self.archives.get(address, ())
        return replace(self, archives={**self.archives, address: tuple(dict.fromkeys((*known, archive)))})

    def without(self, address: str) -> "KnownStores":
        """With nothing known of a store: whatever it holds is the right one."""
        return replace(self, archives={name: each for name, each in self.archives.items() if name != address})

    def objection(self, address: str, archive: str | None) -> str:
        """Why a store that holds ``archive`` (None: none of this cluster) is not the one it was; "" if it may be."""
        known = self.archives.get(address)
        if known is None or archive in known:
            return ""
        return "holds another archive of this cluster than before" if archive else "is empty, and was not"


def parse_known_stores(text: str | bytes) -> KnownStores:
    """Read what was noted.

    Raises:
        ValueError: it is not that.
    """
    return load(KnownStores, text, "a note of stores")


def store_address(settings: Settings, name: str) -> str:
    """Where the store called ``name`` is, as settings say it."""
    if name == "local":
        return f"local {normpath(settings.backup_directory or DEFAULT_DIRECTORY)}"
    return f"s3 {settings.s3_endpoint} {settings.s3_bucket} {settings.s3_prefix.strip('/')}"


def remedy(name: str) -> str:
    """What to do about a store that is not the one it was."""
    first = "is its disk mounted? then inv up" if name == "local" else "is it the right bucket and prefix?"
    return f"{first}; if it was emptied or replaced on purpose: inv backup.adopt --store {name}"
