"""Rotations that nobody has finished yet, as the files of roles have them: for `inv doctor`."""

import time
from dataclasses import dataclass

from cluster.config.settings import Settings
from cluster.units import human_seconds
from compose.home.paths import Home
from compose.home.role_passwords import RoleCredentials, read_all

_LONG = 7 * 86_400.0
"""Seconds after which it has most likely been forgotten, and an old password goes on for ever."""


@dataclass(frozen=True, slots=True, kw_only=True)
class OpenRotation:
    """What is open, what to do, and whether it has been open for long."""

    text: str
    hint: str
    forgotten: bool


def open_rotations(home: Home, settings: Settings) -> list[OpenRotation]:
    """One for each role that has a former login.

    Raises:
        RefusedError: a file cannot be used.
    """
    return [found for each in read_all(home, settings) if (found := _open(each, time.time())) is not None]


def _open(credentials: RoleCredentials, now: float) -> OpenRotation | None:
    former, role = credentials.former, credentials.role
    if former is None:
        return None
    age = max(0.0, now - former.began)
    if credentials.half_done:
        text, hint = f"a rotation of {role} was interrupted {human_seconds(age)} ago", f"run: inv role.rotate {role}"
    else:
        text = f"a rotation of {role} has been open for {human_seconds(age)}: {former.login} may still log in"
        hint = f"once nothing uses it: inv role.rotate {role} --finish"
    return OpenRotation(text=text, hint=hint, forgotten=age > _LONG)
