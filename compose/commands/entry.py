"""The entry of `./pods.sh`: what `inv` does in this folder, begun in less than half the time."""

import gc
import shlex
import sys
from collections.abc import Sequence

from compose.commands.deferral import deferred
from compose.commands.verbs import spelled_out
from compose.console import COMMAND


def main(typed: str = "./pods.sh") -> None:
    """Run the command line; ``typed`` is what people call the program by."""
    COMMAND.name = shlex.quote(typed if "/" in typed else f"./{typed}")
    gc.disable()  # nothing that imports and parsing make is garbage; PodsProgram enables it
    try:
        try:
            _run(sys.argv[1:])
        finally:
            gc.freeze()  # nor need the interpreter look for any on its way out
            sys.stdout.flush()
    except BrokenPipeError:  # whoever read the output has gone
        from compose.commands.executor import discard_output

        discard_output()


def _run(words: Sequence[str]) -> None:
    with deferred():
        from invoke.collection import Collection

        from compose.commands.program import PodsProgram
    import tasks

    program = PodsProgram(Collection.from_module(tasks))
    match words:
        case ["--complete", "--", *typed]:
            program.print_candidates(typed)
        case ["--print-completion-script", shell]:
            program.print_script(shell)
        case _:
            program.run([COMMAND.name, *spelled_out(words)])
