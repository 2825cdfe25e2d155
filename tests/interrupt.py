"""`inv` that interrupts itself at the boundary of a step: `python -m tests.interrupt KILL|INT N TASK…`."""

import os
import signal
import sys

from invoke.main import program

from compose.console import Progress
from compose.operations import steps
from compose.operations.replicas import scaling


def arm(how: signal.Signals, boundary: int) -> None:
    """Let this process get a signal after ``boundary`` steps of an operation."""
    real = steps.perform

    def deadly(number: int, task: steps.Step) -> steps.Step:
        def do(step: Progress) -> None:
            if number == boundary:
                os.kill(os.getpid(), how)
            task.do(step)
            if number + 1 == boundary:
                os.kill(os.getpid(), how)

        return steps.Step(task.title, do, task.undo)

    def perform(tasks, console):  # type: ignore[no-untyped-def]
        return real([deadly(number, task) for number, task in enumerate(tasks)], console)

    scaling.perform = perform  # type: ignore[attr-defined]


arm(signal.Signals[f"SIG{sys.argv[1]}"], int(sys.argv[2]))
program.run(["inv", *sys.argv[3:]])
