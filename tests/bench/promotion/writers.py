"""Eight clients that write through one address and note what was acknowledged when; the same for every peer.

A process of its own, so that what the bench does beside costs them nothing. It gets libpq's connection string on
standard input and ends when that does. Each client inserts one row a transaction, with numbers of its own, and connects
anew after an error. The log gets a line for each attempt: result, client, number, seconds on the monotonic clock when
it began and ended, the error.
"""

import sys
import threading
import time
from pathlib import Path

import psycopg

TABLE = "switch_ledger"
CLIENTS = 8
_PAUSE = 0.01
"""Seconds between two writes of a client: what wears the machine down is the load beside, not this."""


class Writers:
    """The clients of one address."""

    def __init__(self, conninfo: str, log: Path) -> None:
        self.conninfo = conninfo
        self._log = log.open("w", buffering=1)
        self._book, self._over = threading.Lock(), threading.Event()

    def run(self) -> None:
        """Write until standard input ends."""
        with psycopg.connect(self.conninfo, autocommit=True) as connection:
            connection.execute(f"DROP TABLE IF EXISTS {TABLE}")
            connection.execute(f"CREATE TABLE {TABLE} (client int, number int, PRIMARY KEY (client, number))")
        clients = [threading.Thread(target=self._client, args=(n,), daemon=True) for n in range(CLIENTS)]
        for client in clients:
            client.start()
        sys.stdin.read()
        self._over.set()
        for client in clients:
            client.join(10)

    def _client(self, client: int) -> None:
        number = 0
        while not self._over.is_set():
            began, result = time.monotonic(), "refused"
            try:
                with psycopg.connect(self.conninfo, autocommit=True, connect_timeout=5) as connection:
                    result = "failed"
                    while not self._over.is_set():
                        number += 1
                        began = time.monotonic()
                        connection.execute(f"INSERT INTO {TABLE} VALUES (%s, %s)", (client, number))
                        self._note("written", client, number, began)
                        time.sleep(_PAUSE)
            except psycopg.Error as error:
                self._note(result, client, number, began, str(error))
                time.sleep(_PAUSE)

    def _note(self, result: str, client: int, number: int, began: float, why: str = "") -> None:
        why = " ".join(why.split())
        with self._book:
            self._log.write(f"{result}\t{client}\t{number}\t{began:.6f}\t{time.monotonic():.6f}\t{why}\n")


if __name__ == "__main__":
    Writers(sys.stdin.readline().strip(), Path(sys.argv[1])).run()
