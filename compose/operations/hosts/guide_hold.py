"""Clients held back by the guides beside each PgBouncer; a hold ends by itself."""

from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor

from cluster.errors import MachineError
from cluster.services import GUIDE
from compose.console import Console, Progress
from compose.operations.hosts.fleet import Fleet

HOLD_SECONDS = 60
"""After which clients go on whatever happens."""


class GuideHold:
    """Clients held back by the guides: the control machine's, and that of each host that is reached."""

    def __init__(self, fleet: Fleet, console: Console) -> None:
        self._fleet, self._console = fleet, console

    def hold(self, step: Progress) -> None:
        """Hold them all; one that cannot is a warning, and its clients may see an error."""
        step.result = ", ".join(self._ask_all("hold", "--seconds", str(HOLD_SECONDS)))

    def release(self) -> None:
        """Let all go on; each waits until its clients do."""
        self._ask_all("release")

    def forget(self) -> None:
        """Let those on hosts go by what they see, of which no primary may be there."""
        self._ask_all("forget", hosts_only=True)

    def _ask_all(self, *arguments: str, hosts_only: bool = False) -> list[str]:
        """All at once, since each of the others' clients waits for the slowest; who did it."""
        guides = dict(self._guides(hosts_only))
        if not guides:
            return []
        with ThreadPoolExecutor(len(guides), thread_name_prefix="guides") as threads:
            answers = list(threads.map(lambda name: self._ask(name, guides[name], *arguments), guides))
        return [name for name, answer in zip(guides, answers, strict=True) if answer]

    def _ask(self, name: str, run: Callable[..., object], *arguments: str) -> bool:
        try:
            run("python3", "-m", "guide", *arguments)
        except MachineError as error:
            self._console.warn(f"the guide of {name}: {error.message}")
            return False
        return True

    def _guides(self, hosts_only: bool) -> Iterator[tuple[str, Callable[..., object]]]:
        stack = self._fleet.stack
        if not hosts_only:
            yield "the control machine", lambda *words: stack.compose.run("exec", "-T", GUIDE, *words)
        for host in stack.settings.hosts.with_role("pooler"):
            if engine := self._fleet.engines.get(host.name):
                yield host.name, lambda *words, engine=engine: engine.execute(GUIDE, words)
