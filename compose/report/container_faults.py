"""What is wrong with a service's container, in words: how often it was restarted, and its last words."""

from collections.abc import Callable

from compose.engine.containers import EMPTY_LOG, Container

_LONGEST = 240
"""Characters of last words; the log has the rest."""
_ONCE_OR_TWICE = 2
"""Restarts that a service which starts right now may have had."""


def container_fault(container: Container | None, last_words: Callable[[Container], str]) -> str:
    """Why a service is not well; "" where it is, or where it only starts."""
    if container is None:
        return "it has no container"
    if container.well:
        return ""
    loops = container.status == "restarting" or container.restarts > _ONCE_OR_TWICE
    if loops and container.status in ("restarting", "running"):
        return f"its container was restarted {container.restarts} times and said: {_short(last_words(container))}"
    if container.status == "running":
        return f"its check fails{_quoted(last_words(container))}" if container.health == "unhealthy" else ""
    return _ended(container, last_words) if container.status in ("exited", "dead") else _idle(container)


def _ended(container: Container, last_words: Callable[[Container], str]) -> str:
    if container.oom_killed:
        return "its container was killed for want of memory"
    if container.exit_code == 0:
        return "its container was stopped"
    return f"its container ended with code {container.exit_code} and said: {_short(last_words(container))}"


def _quoted(words: str) -> str:
    return "" if words == EMPTY_LOG else f", and it said: {_short(words)}"


def _idle(container: Container) -> str:
    """Paused, created, being removed."""
    return f"its container is {container.status}"


def _short(text: str) -> str:
    return text if len(text) <= _LONGEST else text[: _LONGEST - 1] + "…"
