"""`inv` that interrupts itself at the boundary of a step: `python -m tests.interrupt KILL|INT N TASK…`.

N is a number of steps, or how the title of a step begins: then it is after that one.
"""

import os
import signal
import sys
from collections.abc import Callable, Iterable
from dataclasses import replace
from typing import Any

from compose.console import Console
from compose.operations import steps


def arm(how: signal.Signals, boundary: int | str) -> None:
    """Let this process get a signal after ``boundary`` steps of an operation (0 is before the first), or that step.

    Every operation does its steps with `steps.perform`, which is replaced before any of them has imported it.
    """
    late = [name for name, module in sys.modules.items() if module is not steps and hasattr(module, "perform")]
    assert not late, f"{late} have imported what was to be replaced"
    real = steps.perform

    def deadly(number: int, title: str, do: Callable[[Any], None]) -> Callable[[Any], None]:
        def done(step: Any) -> None:
            if number == boundary:
                os.kill(os.getpid(), how)
            do(step)
            if number + 1 == boundary or (isinstance(boundary, str) and title.startswith(boundary)):
                os.kill(os.getpid(), how)

        return done

    def perform(steps: Iterable[steps.Step], console: Console) -> None:
        real((replace(step, do=deadly(number, step.title, step.do)) for number, step in enumerate(steps)), console)

    steps.perform = perform


if __name__ == "__main__":
    arm(signal.Signals[f"SIG{sys.argv[1]}"], int(sys.argv[2]) if sys.argv[2].isdigit() else sys.argv[2])
    sys.argv = ["inv", *sys.argv[3:]]
    from compose.commands.entry import main

    main()
