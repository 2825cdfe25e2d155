"""The entry of `./pods.sh`: what it does not load, where modules come from, and TAB."""

import json
import os
import shlex
import shutil
import subprocess
import sys
from collections.abc import Mapping
from pathlib import Path

import pytest
from invoke.parser.context import ParserContext

import tasks
from cluster.config.env_file import PROJECT_ROOT
from compose.commands.completion import SHELLS, candidates
from compose.commands.program import PodsProgram
from compose.commands.verbs import VERBS

ENTRY = """
import json, sys
before = set(sys.modules)  # an interpreter may load things of its own
sys.path.insert(0, sys.argv.pop(1))
from compose.commands.entry import main
try:
    main()
finally:
    print(json.dumps(sorted(set(sys.modules) - before)), file=sys.stderr)
"""

UNUSED = {
    "unittest",
    "asyncio",
    "ssl",
    "importlib.metadata",
    "email",
    "zipfile",
    "invoke.vendor.yaml.loader",
    "docker",
    "requests",
    "psycopg",
    "boto3",
    "rich",
    "yaml",
    "cryptography",
    "dotenv",
    "starlette",
}


def _python(code: str, *words: str, **environment: str) -> "subprocess.CompletedProcess[str]":
    return subprocess.run(
        [sys.executable, "-P", "-c", code, str(PROJECT_ROOT), *words],
        env={**os.environ, **environment},
        capture_output=True,
        text=True,
        check=True,
    )


@pytest.mark.parametrize("words", [("--list",), ("--help", "up"), ("--complete", "--", "ba")], ids=lambda w: w[0])
def test_what_a_command_does_not_need_is_not_loaded(words: tuple[str, ...]) -> None:
    """`inv --list`, TAB and the beginning of every command are to be quick."""
    done = _python(ENTRY, *words)
    assert "Restore to any moment" in done.stdout or words[0] == "--help"
    loaded = set(json.loads(done.stderr))
    assert "invoke.program" in loaded
    assert sorted(loaded & UNUSED) == []


def test_what_was_put_off_is_there_when_somebody_needs_it(tmp_path: Path) -> None:
    (tmp_path / ".invoke.yaml").write_text("run: {shell: /bin/of-my-own}\n")
    after = """
import sys
sys.path.insert(0, sys.argv.pop(1))
from compose.commands.deferral import deferred
with deferred():
    import invoke
from importlib import metadata
from unittest.mock import Mock
print(invoke.Config().run.shell)
print(isinstance(invoke.MockContext(run=invoke.Result()).run, Mock))
print(metadata.version("invoke") == metadata.metadata("invoke")["Version"])
"""
    assert _python(after, HOME=str(tmp_path)).stdout.split() == ["/bin/of-my-own", "True", "True"]


@pytest.fixture
def checkout(tmp_path: Path) -> Path:
    """This code with an environment that is finished, elsewhere."""
    root = tmp_path / "a checkout"
    venv = root / ".venv"
    venv.mkdir(parents=True)
    rooms = ("backup", "cluster", "compose", "exporters", "guide", "health")
    for name in ("tasks.py", "pyproject.toml", "requirements", *rooms):
        (root / name).symlink_to(PROJECT_ROOT / name)
    shutil.copy(PROJECT_ROOT / "pods.sh", root)
    for name in ("bin", "lib", "pyvenv.cfg"):
        (venv / name).symlink_to(Path(sys.prefix) / name)
    with (root / "requirements/run.txt").open("rb") as requirements, (venv / ".made-from").open("wb") as stamp:
        subprocess.run(["cksum"], stdin=requirements, stdout=stamp, check=True)
    return root


def _run(argv: list[str], cwd: Path, environment: Mapping[str, str] | None = None) -> str:
    done = subprocess.run(
        argv, cwd=cwd, env={**os.environ, **(environment or {})}, capture_output=True, text=True, timeout=60
    )
    assert (done.returncode, done.stderr) == (0, "")
    return done.stdout


def test_modules_come_from_the_checkout_and_never_from_where_somebody_stands(checkout: Path, tmp_path: Path) -> None:
    for name in ("gc", "secrets", "invoke", "tasks", "compose"):
        (tmp_path / f"{name}.py").write_text("raise SystemExit('somebody else')\n")
    assert "replica.add" in _run([str(checkout / "pods.sh"), "--list"], tmp_path)
    assert "replica.add" in _run(["../a checkout/pods.sh", "--list"], checkout)


@pytest.mark.parametrize("chain", [["bin/pods"], ["bin/pods", "other/pods"]], ids=len)
def test_a_link_to_it_is_the_checkout_it_leads_to(checkout: Path, tmp_path: Path, chain: list[str]) -> None:
    target = checkout / "pods.sh"
    for name in chain:
        link = tmp_path / name
        link.parent.mkdir(exist_ok=True)
        link.symlink_to(os.path.relpath(target, link.parent))
        target = link
    assert "replica.add" in _run([str(target), "--list"], tmp_path)
    assert "PODS " in _run([target.name, "--version"], tmp_path, {"PATH": f"{target.parent}:{os.environ['PATH']}"})


@pytest.mark.parametrize("typed", ["./pods.sh", "../a checkout/pods.sh"])
def test_hints_name_the_command_as_it_was_typed(checkout: Path, tmp_path: Path, typed: str) -> None:
    environment = {**os.environ, "PODS_HOME": str(tmp_path)}
    done = subprocess.run([typed, "status"], cwd=checkout, env=environment, capture_output=True, text=True, check=False)
    assert done.returncode == 3
    assert f"→ run: {shlex.quote(typed)} up" in done.stderr
    assert "inv " not in done.stderr


def test_what_was_compiled_is_kept(checkout: Path, tmp_path: Path) -> None:
    compiled = tmp_path / "compiled"
    environment = {"PYTHONPYCACHEPREFIX": str(compiled), "PODS_HOME": str(tmp_path), "PYTHONDONTWRITEBYTECODE": "1"}
    _run([str(checkout / "pods.sh"), "config.check", "--json"], tmp_path, environment)
    names = {path.name.split(".")[0] for path in compiled.rglob("*.pyc")}
    assert {"entry", "executor", "check_config"} <= names


def test_tab_makes_no_environment(checkout: Path) -> None:
    (checkout / ".venv/.made-from").write_text("older\n")
    assert _run([str(checkout / "pods.sh"), "--complete", "--", "ba"], checkout) == ""
    assert (checkout / ".venv/.made-from").read_text() == "older\n"


CORE: ParserContext = PodsProgram(tasks.ns).initial_context


def offered(*words: str) -> set[str]:
    return {word for word, _ in candidates(CORE, tasks.ns, words)}


def test_tab_offers_tasks_then_the_flags_of_the_task_that_are_not_given_yet() -> None:
    assert offered("") == offered("ba") == {*tasks.ns.task_names, *VERBS}
    assert offered("-") >= {"--list", "--help"}
    assert offered("backup.restore", "") >= {"--name", "--in-place", "--plan", "--help"}
    assert offered("backup.hold", "--name", "x", "--") == {"--why", "--help"}
    assert offered("up", "st") == set(tasks.ns.task_names)


def test_tab_knows_the_verbs_of_pods_sh() -> None:
    assert offered("remove", "") == offered("replica.remove", "") >= {"--name", "--help"}
    assert offered("restore", "x", "--") == offered("backup.restore", "--")
    assert offered("status", "list", "-") == offered("status", "-")  # only the first word is taken for a verb


def test_tab_leaves_the_value_of_a_flag_to_the_shell() -> None:
    assert not offered("backup.restore", "--into", "")
    assert not offered("backup.restore", "--into", "=", "/tm")
    assert "--plan" in offered("backup.restore", "--into", "up", "")  # a value, not a task
    assert offered("--help", "") == set(tasks.ns.task_names)


ASK = {
    "bash": """
source "$1"
COMP_WORDS=("${@:2}") COMP_CWORD=$(($# - 2))
_pods
printf '%s\\n' "${COMPREPLY[@]}"
""",
    "fish": "source $argv[1]; complete --do-complete (string join ' ' -- $argv[2..])",
}


@pytest.mark.parametrize("shell", ASK)
def test_a_shell_asks_the_checkout_whose_script_it_read(shell: str, checkout: Path, tmp_path: Path) -> None:
    if shutil.which(shell) is None:
        pytest.skip(f"there is no {shell} here")
    script = tmp_path / "script"
    script.write_text(_run([str(checkout / "pods.sh"), "--print-completion-script", shell], tmp_path))

    def tab(*words: str) -> list[str]:
        argv = [shell, "-c", ASK[shell], *(["shell"] if shell == "bash" else []), str(script), "./pods.sh", *words]
        return [line.split("\t")[0] for line in _run(argv, tmp_path).splitlines()]

    assert tab("rest") == ["restart", "restore"]
    assert {"backup.now", "backup.restore"} <= set(tab("ba"))
    assert tab("backup.restore", "--into", "x", "--to-l") == ["--to-lsn"]


def test_zsh_asks_too(checkout: Path, tmp_path: Path) -> None:
    """Its completion needs a terminal, so that a zsh of its own is driven from within."""
    if shutil.which("zsh") is None:
        pytest.skip("there is no zsh here")
    script = tmp_path / "script"
    script.write_text(_run([str(checkout / "pods.sh"), "--print-completion-script", "zsh"], tmp_path))
    drive = f"""
zmodload zsh/zpty
zpty -b inner zsh -f -i
zpty -w inner "PS1=; source {script}; print rea''dy"
while zpty -r inner line; do [[ $line != *ready* ]] || break; done
zpty -n -w inner $'./pods.sh backup.restore --to-l\\t\\n'
zpty -r inner line '*--to-lsn*' && print -- $line
zpty -d inner
"""
    assert "./pods.sh backup.restore --to-lsn" in _run(["zsh", "-f", "-c", drive], tmp_path)


def test_every_shell_has_its_script() -> None:
    scripts = {path.suffix[1:] for path in (PROJECT_ROOT / "compose/completions").iterdir()}
    assert scripts == set(SHELLS)


def test_a_shell_that_is_not_known_is_one_line() -> None:
    done = subprocess.run(
        [sys.executable, "-P", "-c", ENTRY, str(PROJECT_ROOT), "--print-completion-script", "tcsh"],
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 1
    assert done.stdout == ""
    assert "✗ there is no completion for 'tcsh'" in done.stderr
