"""Programs that log in at a steady rate, and read name and password from a service file each time.

``python -m tests.fix_logins SERVICE_FILE PER_SECOND SERVICE…`` logs in until its stdin ends, and prints a line of JSON:
how many logins there were, and what refused them. A process of its own: what is measured is not what measures.
"""

import json
import os
import subprocess
import sys
import threading
import time
from collections import Counter
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path

from cluster.config.env_file import PROJECT_ROOT

_THREADS = 16
"""A login takes long on a busy machine."""


@dataclass
class Logins:
    """What happened: logins by user, sessions that were not the role's, and reasons of those that were refused."""

    users: dict[str, int] = field(default_factory=dict)
    refused: list[str] = field(default_factory=list)
    roles: list[str] = field(default_factory=list)
    seconds: float = 0.0

    @property
    def total(self) -> int:
        """Logins that went well."""
        return sum(self.users.values())


@contextmanager
def logging_in(file: Path, *, rate: int, services: tuple[str, ...], processes: int = 2) -> Iterator[Logins]:
    """``rate`` logins a second, until the block ends; what happened is in the value then."""
    command = [sys.executable, "-m", "tests.fix_logins", str(file), str(rate / processes), *services]
    run = [
        subprocess.Popen(command, cwd=PROJECT_ROOT, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True)
        for _ in range(processes)
    ]
    for each in run:
        assert each.stdout is not None
        assert each.stdout.readline() == "begun\n"
    found = Logins()
    try:
        yield found
    finally:
        for each in run:
            _add(found, json.loads(each.communicate("", timeout=60)[0]))


def _add(found: Logins, part: dict[str, object]) -> None:
    more = Logins(**part)  # type: ignore[arg-type]
    found.users = dict(Counter(found.users) + Counter(more.users))
    found.refused += more.refused
    found.roles = sorted({*found.roles, *more.roles})
    found.seconds = max(found.seconds, more.seconds)


class _Clients:
    def __init__(self, rate: float, services: list[str]) -> None:
        self.found = Logins()
        self._rate, self._services = rate, services
        self._users: Counter[str] = Counter()
        self._next, self._lock, self._began = 0, threading.Lock(), time.monotonic()
        self.over = threading.Event()

    def work(self) -> None:
        while True:
            with self._lock:
                number = self._next
                self._next += 1
            if self.over.wait(max(0.0, self._began + number / self._rate - time.monotonic())):
                return
            self._log_in(self._services[number % len(self._services)])

    def _log_in(self, service: str) -> None:
        import psycopg

        try:
            with psycopg.connect(f"service={service} connect_timeout=30") as connection:
                row = connection.execute("SELECT session_user::text, current_user::text").fetchone()
        except psycopg.Error as error:
            self.found.refused.append(f"{time.time():.3f} {service}: {error}")
            return
        assert row is not None
        with self._lock:
            self._users[row[0]] += 1
            if row[1] not in self.found.roles:
                self.found.roles.append(row[1])

    def end(self) -> Logins:
        self.found.users, self.found.seconds = dict(self._users), time.monotonic() - self._began
        return self.found


def _main() -> None:
    os.environ["PGSERVICEFILE"] = sys.argv[1]
    clients = _Clients(float(sys.argv[2]), sys.argv[3:])
    threads = [threading.Thread(target=clients.work) for _ in range(_THREADS)]
    for thread in threads:
        thread.start()
    print("begun", flush=True)
    sys.stdin.read()
    clients.over.set()
    for thread in threads:
        thread.join()
    print(json.dumps(vars(clients.end())), flush=True)


if __name__ == "__main__":
    _main()
