"""The quality gates. `nox` acts on the code, `inv` acts on the cluster.

Sessions run in the environment nox itself runs in (the project's .venv, docs/decisions/0003); the first one installs
the development tools there from their hashed lock when it changed.

    nox                    lint, types, unit: about two minutes, no engine needed
    nox -s docs            documentation alone: every link, command, setting, metric and file that it names
    nox -s rules           alert rules alone, judged by promtool; needs an engine and no cluster
    nox -s integration     the real thing, on clusters and ports of its own, two files side by side; -- -k WORD, a file,
                           --keep-stack, -n 0 for one after the other
    nox -s chaos           the walks of which integration takes a sample: a fault at every boundary
    nox -s settings        every setting with two values, on new clusters and on running ones; some eight minutes
    nox -s cases           situations from public reports that held when they were tried; some three minutes
    nox -s drivers         what `inv connect` prints, run by every driver; downloads Debian's and npm's
    nox -s extensions      the extensions people ask for most, all at once under clients; an image of 1 GB
    nox -s hosts           three hosts in containers, fault by fault; some 40 minutes
    nox -s pictures        what a browser shows of the dashboards, for the documentation
    nox -s bench           measurements, side by side with a peer
    nox -s lock            compile requirements/*.txt from pyproject.toml
"""

import hashlib
import json
import shutil
import sys
from pathlib import Path

import nox
from nox.command import CommandFailed

nox.needs_version = ">=2026.4.10"
nox.options.default_venv_backend = "none"
nox.options.error_on_external_run = False

HERE = Path(__file__).parent
LANES = "--numprocesses=2"
"""Side by side: so many workers (docs/decisions/0031). One waits for servers about half of its time."""
ALONE = "--numprocesses=0"
FEW = 3
"""More files than these have another cause than a busy host, and would take too long."""
DOCS = [f"tests/unit/house/test_{name}.py" for name in ("docs", "map", "drift", "decisions", "safety_page")]
SMOKE = "tests/hosts/test_journey.py"
"""A cluster moves to three hosts and loses one; all else about hosts is in `nox -s hosts`."""
_TESTS = "tests/"
CODE = ["tasks.py", "noxfile.py", "cluster", "compose", "exporters", "guide", "health", "backup", "dashboards", "tests"]


def tools(session: nox.Session) -> None:
    """Install the development tools, once per change of their lock."""
    lock = HERE / "requirements" / "dev.txt"
    stamp, wanted = Path(sys.prefix) / ".dev-from", hashlib.sha256(lock.read_bytes()).hexdigest()
    if not stamp.exists() or stamp.read_text() != wanted:
        # most of it is never imported, and compiling all takes a third of the time; what is imported compiles itself
        pip = (sys.executable, "-m", "pip", "install", "-qq", "--no-compile", "--require-hashes")
        session.run(*pip, "-r", str(lock))
        stamp.write_text(wanted)


def pytest(session: nox.Session, *arguments: str) -> None:
    """Run tests: those in ``arguments``, or those whose paths were given on the command line instead."""
    given = any(word.startswith(_TESTS) for word in session.posargs)
    ours = [word for word in arguments if not (given and word.startswith(_TESTS))]
    session.run("python", "-m", "pytest", *ours, *session.posargs)


def pytest_twice(session: nox.Session, *arguments: str) -> None:
    """Run tests; up to `FEW` files that failed beside others run once more, by themselves (docs/decisions/0071)."""
    cache = Path(session.create_tmp()).with_name("pytest-cache")
    session.env.pop("TMPDIR", None)
    shutil.rmtree(cache, ignore_errors=True)
    remembered = ("-o", f"cache_dir={cache.resolve()}")
    try:
        return pytest(session, *arguments, *remembered)
    except CommandFailed:
        files = failed_files(cache / "v" / "cache" / "lastfailed")
        if session.posargs or not 0 < len(files) <= FEW:
            raise
    session.warn(f"Failed beside other tests; once more, alone: {' '.join(files)}")
    pytest(session, *files, *(word for word in arguments if not word.startswith(_TESTS)), *remembered, ALONE)
    session.warn(f"Passed alone, NOT beside others; look into it: {' '.join(files)}")


def failed_files(known: Path) -> list[str]:
    """Files with tests that failed, as pytest's cache has them; none when a run ended in another manner."""
    failed = json.loads(known.read_text()) if known.exists() else {}
    return sorted({test.partition("::")[0] for test in failed})


@nox.session
def lint(session: nox.Session) -> None:
    """Style, spelling, and which way imports point."""
    tools(session)
    session.run("ruff", "check", *CODE)
    session.run("ruff", "format", "--check", *CODE)
    session.run("codespell", *CODE, "docs", "README.md", "CHANGELOG.md", "CONTRIBUTING.md")
    session.run("lint-imports", "--no-logo", silent=True)


@nox.session
def types(session: nox.Session) -> None:
    """Mypy, strict."""
    tools(session)
    session.run("mypy")
    session.run("mypy", "tests")


@nox.session
def unit(session: nox.Session) -> None:
    """Everything that needs no engine."""
    tools(session)
    pytest(session, "tests/unit", "-q", "--dist=worksteal", LANES)


@nox.session(default=False)
def docs(session: nox.Session) -> None:
    """What documentation says against what there is; part of `unit`."""
    tools(session)
    pytest(session, *DOCS, "-q")


@nox.session(default=False)
def rules(session: nox.Session) -> None:
    """Alert rules, judged by promtool; part of `integration`. Needs an engine and no cluster."""
    tools(session)
    pytest(session, "tests/integration/test_82_rules.py", "-q")


@nox.session(default=False)
def integration(session: nox.Session) -> None:
    """The real engine, PostgreSQL and PgBouncer; names its 25 slowest."""
    tools(session)
    marked = "not chaos and not settings and not cases and not drivers and not extensions"
    pytest_twice(session, "tests/integration", SMOKE, "-v", "-m", marked, "--durations=25", LANES)


@nox.session(default=False)
def chaos(session: nox.Session) -> None:
    """A fault at every boundary."""
    tools(session)
    pytest(session, "tests/integration", "-v", "-m", "walk or chaos", LANES)


@nox.session(default=False)
def settings(session: nox.Session) -> None:
    """Every setting with two values, on new clusters and on running ones; `unit` has what needs no engine of it."""
    tools(session)
    pytest(session, "tests/integration/test_65_settings.py", "-v", "-m", "settings")


@nox.session(default=False)
def cases(session: nox.Session) -> None:
    """Situations from public reports that held when they were tried, on one cluster."""
    tools(session)
    pytest(session, "tests/integration/test_66_cases.py", "-v", "-m", "cases")


@nox.session(default=False)
def drivers(session: nox.Session) -> None:
    """What `inv connect` prints, run by every driver; downloads Debian's and npm's."""
    tools(session)
    pytest(session, "tests/integration/test_24_drivers.py", "-v", "-m", "drivers")


@nox.session(default=False)
def extensions(session: nox.Session) -> None:
    """The extensions that people ask for most, in one image, on a cluster with clients."""
    tools(session)
    pytest(session, "tests/integration/test_78_every_extension.py", "-v", "-m", "extensions")


@nox.session(default=False)
def hosts(session: nox.Session) -> None:
    """Everything about several hosts, on three of them in containers."""
    tools(session)
    # the bed is clean for itself and for refusals, and the way there is tried before what needs a cluster that is there
    first = ("tests/hosts/test_bed.py", "tests/hosts/test_refusals.py", SMOKE)
    others = sorted({f"tests/hosts/{path.name}" for path in HERE.glob("tests/hosts/test_*.py")} - {*first})
    pytest(session, *first, *others, "-v", "-n0", "--durations=0")


@nox.session(default=False)
def pictures(session: nox.Session) -> None:
    """What a browser shows of the dashboards, into docs/images/dashboards."""
    tools(session)
    where = "--screenshots=docs/images/dashboards"
    pytest(session, "tests/integration/test_84_dashboards.py", "-v", "-k", "a_browser_shows_every_panel", where)


@nox.session(default=False)
def bench(session: nox.Session) -> None:
    """Measurements; never part of a test."""
    tools(session)
    session.run("python", "-m", "tests.bench", *session.posargs)


@nox.session(default=False)
def lock(session: nox.Session) -> None:
    """Compile the hashed requirements (needs uv on the PATH)."""
    compile_ = ["uv", "pip", "compile", "--quiet", "--universal", "--python-version=3.11", "--generate-hashes"]
    compile_ += ["--no-annotate", "--custom-compile-command=nox -s lock", *session.posargs]
    session.run(*compile_, "pyproject.toml", "--output-file=requirements/run.txt")
    for group, project in (("dev", ["pyproject.toml"]), ("services", [])):
        known = "--constraints=requirements/run.txt" if project else "--constraints=requirements/dev.txt"
        session.run(*compile_, *project, f"--group={group}", known, f"--output-file=requirements/{group}.txt")
