"""What `inv connect` prints, run as printed: each form by its driver, which answers who it is and where it came."""

import os
import re
import subprocess
import sys
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

from tests.fix_images import image
from tests.fix_lanes import run_label
from tests.fix_stack import Cluster, new_project

DRIVERS = Path(__file__).with_name("drivers")
WHO = "SELECT current_user, pg_is_in_recovery()"
_ANSWER = re.compile(r"(\w+)\W+(?:pg_is_in_recovery\W+)?\b(true|t|false|f)\b", re.IGNORECASE)
Answers = list[tuple[str, bool]]
"""The role, and whether the server is a replica."""


def answers(text: str) -> Answers:
    """What psql, Python, JavaScript, Java and Ruby print of a row of ``WHO``."""
    return [(role, recovery.lower().startswith("t")) for role, recovery in _ANSWER.findall(text)]


@dataclass(frozen=True)
class Printed:
    """A form as printed, a folder to work in, and the cluster that it leads to."""

    text: str
    folder: Path
    cluster: Cluster

    def write(self, name: str, text: str = "") -> Path:
        """A file of the folder; the form itself unless another text is given."""
        path = self.folder / name
        path.write_text(text or self.text)
        return path

    def run(self, *argv: str, **environment: str) -> str:
        """Output of a program in the folder, which must succeed."""
        variables = {name: value for name, value in os.environ.items() if not name.startswith(("PG", "PODS_"))}
        done = subprocess.run(
            argv, cwd=self.folder, env=variables | environment, capture_output=True, text=True, check=False
        )
        assert done.returncode == 0, done.stdout + done.stderr
        return done.stdout

    def contained(self, of: str, *argv: str) -> str:
        """Output of a program in a container on this host's network, which sees the home where it is."""
        home = self.cluster.home.path
        seen = ["--volume", f"{home}:{home}:ro", "--volume", f"{self.folder}:/here", "--workdir", "/here"]
        user = ["--user", f"{os.getuid()}:{os.getgid()}", "--network", "host", *run_label()]
        return self.run("docker", "run", "--rm", *user, *seen, "--entrypoint", argv[0], of, *argv[1:])


def _lines(text: str) -> list[str]:
    return [line for line in text.splitlines() if not line.startswith("#")]


def _psql(printed: Printed, *commands: str) -> Answers:
    """Each command with the question behind it, in a shell."""
    script = "".join(f"{command} -Atc '{WHO}' < /dev/null\n" for command in commands)
    printed.write("script", f"set -e\n{script}")
    return answers(printed.contained(image(), "bash", "script"))


def uri(printed: Printed) -> Answers:
    """Addresses that psql is given."""
    return _psql(printed, *(f"psql '{line}'" for line in _lines(printed.text)))


def psql(printed: Printed) -> Answers:
    """Command lines."""
    return _psql(printed, *_lines(printed.text))


def env(printed: Printed) -> Answers:
    """Variables of a shell; their comments name the other pool and the other port."""
    printed.write("env.sh")
    read = re.findall(r"reads, from a replica: (\S+)", printed.text)[0]
    direct = re.findall(r"# (\d+): a session", printed.text)[0]
    sourced = ". ./env.sh; {} psql"
    changes = ("", f"PGDATABASE={read}", f"PGPORT={direct}")
    return _psql(printed, *(sourced.format(change) for change in changes))


def python(printed: Printed) -> Answers:
    """A whole program."""
    return answers(printed.run(sys.executable, str(printed.write("program.py"))))


_DJANGO = f"""
import django
from django.db import connections

django.setup()
for name in ("default", "replica", "direct"):
    with connections[name].cursor() as cursor:
        cursor.execute("{WHO}")
        print(cursor.fetchone())
"""


def django(printed: Printed) -> Answers:
    """Settings; migrations on the port of the primary and through the pool, and a connection to each."""
    printed.write("settings.py", printed.text + '\nINSTALLED_APPS = ["django.contrib.contenttypes"]\nUSE_TZ = True\n')
    where = {"DJANGO_SETTINGS_MODULE": "settings", "PYTHONPATH": str(printed.folder)}
    for words in (["--database=direct"], ["contenttypes", "zero"]):
        printed.run(sys.executable, "-m", "django", "migrate", "--verbosity=0", *words, **where)
    return answers(printed.run(sys.executable, str(printed.write("program.py", _DJANGO)), **where))


def compose(printed: Printed) -> Answers:
    """A service of another project, of the servers' own image and under the user whose the files are."""
    printed.write("compose.yaml")
    printed.write(
        "compose.override.yaml",
        f"services: {{app: {{image: '{image()}', user: '{os.getuid()}:{os.getgid()}', entrypoint: [psql]}}}}\n",
    )
    project = ["docker", "compose", "--project-name", new_project("connect")]
    read = re.findall(r"reads, from a replica: (\S+)", printed.text)[0]
    direct = re.findall(r"; (\w+):(\d+) is whichever node", printed.text)[0]
    try:
        found = [
            printed.run(*project, "run", "--rm", "-T", "app", "-Atc", WHO, *more)
            for more in ([], ["-d", read], ["-h", direct[0], "-p", direct[1]])
        ]
    finally:
        printed.run(*project, "down", "--remove-orphans")
    return answers("".join(found))


def node(printed: Printed) -> Answers:
    """A whole program; beside it the packages of `npm ci`."""
    return answers(printed.run("node", str(printed.write("program.mjs"))))


def prisma(printed: Printed) -> Answers:
    """The client's file and that of the command line, which makes the client; its engine of migrations is not here."""
    client, mark, command_line = printed.text.partition("// prisma.config.ts")
    printed.write("db.mjs", client)
    printed.write("prisma.config.ts", mark + command_line)
    (printed.folder / "prisma").mkdir(exist_ok=True)
    for name, target in (("schema.prisma", "prisma/schema.prisma"), ("notes.mjs", "notes.mjs")):
        printed.write(target, (DRIVERS / "node" / name).read_text())
    without = {"PRISMA_SCHEMA_ENGINE_BINARY": "/bin/true", "CHECKPOINT_DISABLE": "1"}
    printed.run("node_modules/.bin/prisma", "generate", **without)
    return answers(printed.run("node", "notes.mjs"))


def jdbc(printed: Printed) -> Answers:
    """Addresses, and what the shell is to export before."""
    addresses = " ".join(f"'{line}'" for line in _lines(printed.text) if line.startswith("jdbc:"))
    export = next(line for line in _lines(printed.text) if line.startswith("export"))
    printed.write("Connect.java", (DRIVERS / "Connect.java").read_text())
    java = f"java -cp /usr/share/java/postgresql.jar Connect.java {addresses}"
    printed.write("script", f"set -e\n{export}\n{java}\n")
    return answers(printed.contained(DRIVERS_IMAGE, "bash", "script"))


def rails(printed: Printed) -> Answers:
    """config/database.yml."""
    printed.write("database.yml")
    printed.write("connect.rb", (DRIVERS / "connect.rb").read_text())
    return answers(printed.contained(DRIVERS_IMAGE, "ruby", "connect.rb"))


DRIVERS_IMAGE = "pods-test/drivers"
RUN: dict[str, Callable[[Printed], Answers]] = {
    **{each.__name__: each for each in (uri, env, psql, python, django, node, prisma, jdbc, rails, compose)},
    "asyncpg": python,
    "sqlalchemy": python,
}
"""How each form is run."""
WITHOUT_DIRECT = frozenset({"python", "asyncpg", "sqlalchemy", "node", "prisma", "rails"})
"""Forms that only name the port of the primary."""
HERE = ("uri", "env", "psql", "python", "asyncpg", "sqlalchemy", "django", "compose")
"""Forms whose driver is a development tool, or in an image of ours."""


def expected(form: str, role: str) -> Answers:
    """Writes reach the primary, reads a replica, and a session of its own the primary."""
    return [(role, False), (role, True), *([] if form in WITHOUT_DIRECT else [(role, False)])]


def runs(cluster: Cluster, form: str, folder: Path, *words: str, role: str = "app") -> None:
    """Print ``form`` (``words``: of which database, as whom) and run it as it is."""
    text = cluster.inv.ok("connect", *words, "--as", form).out
    assert answers_of(cluster, text, form, folder) == expected(form, role)


def answers_of(cluster: Cluster, text: str, form: str, folder: Path) -> Answers:
    """What the driver of ``form`` comes to."""
    return RUN[form](Printed(text, folder, cluster))
