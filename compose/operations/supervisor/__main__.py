"""`python -m compose.operations.supervisor`: watch the primary until told to stop (PODS_FAILOVER=auto).

It has the engine's socket and the cluster's home, hence all that whoever runs PODS has. It listens nowhere and takes no
request: what it does follows from what it sees of the primary, and from nothing else (decision.py).
"""

import signal

from cluster.config.env_file import home_directory
from cluster.json_log import choose_log_format
from cluster.services import SUPERVISOR
from cluster.supervisor_status import MOUNTED
from compose.console import Console
from compose.home.paths import Home
from compose.operations.supervisor.service import Supervisor


def main() -> None:
    """Watch until a signal ends it."""
    choose_log_format(SUPERVISOR)
    home = Home(home_directory())
    supervisor = Supervisor(home, Console(), MOUNTED)
    signal.signal(signal.SIGTERM, lambda *_: supervisor.stopped.set())
    supervisor.console.line(f"watching the primary of {home.path}")
    supervisor.run()


if __name__ == "__main__":
    main()
