"""`config/databases.toml` on disk: made where there is none, and changed by tasks without losing what others wrote."""

import os
from collections.abc import Callable
from pathlib import Path

from cluster.config.databases import FILE
from cluster.config.databases_template import template
from cluster.config.env_file import with_declarations
from cluster.config.settings import Settings
from cluster.errors import RefusedError, UsageError
from cluster.files import write_atomically
from compose.home.paths import Home


def ensure_template(home: Home) -> None:
    """Write the commented file where there is none, not even a link that leads nowhere; else leave it as it is."""
    path = home.user_config / FILE
    if not os.path.lexists(path):
        write_atomically(path, template())


class DeclarationsFile:
    """The file as it is when this is made. Its text is changed once; what somebody else writes meanwhile is kept."""

    def __init__(self, home: Home) -> None:
        self._path = (home.user_config / FILE).resolve()  # a link of the user's stays one
        self._before = _bytes(self._path)

    @property
    def text(self) -> str:
        """As it is, line ends and all.

        Raises:
            UsageError: it is no text.
        """
        try:
            return template() if self._before is None else self._before.decode()
        except UnicodeDecodeError as error:
            raise UsageError(f"{self._path} cannot be read: {error}", "make it a UTF-8 text file") from None

    def changed(self, settings: Settings, edit: Callable[[str], str]) -> tuple[str, Settings]:
        """The new text, and the settings that it makes of ``settings``; nothing is written.

        Raises:
            UsageError: what it says would not be accepted.
        """
        text = edit(self.text)
        return text, with_declarations(settings, text)

    def write(self, text: str) -> None:
        """Replace the file, which stays as open or closed as its owner made it.

        Raises:
            RefusedError: it is not what it was when this was made.
        """
        if _bytes(self._path) != self._before:
            raise RefusedError(f"config/{FILE} was changed by somebody else meanwhile", "run this again")
        if self._before is None:
            write_atomically(self._path, text)
            return
        known = self._path.stat()
        write_atomically(self._path, text, known.st_mode & 0o777, (known.st_uid, known.st_gid))


def _bytes(path: Path) -> bytes | None:
    try:
        return path.read_bytes()
    except FileNotFoundError:
        return None
