"""`inv role.rotate`: a new password under the role's other name, and later the end of the old one.

Which login is in use is in the role's files, and who may log in is in the server: there is no other memory. Whatever is
interrupted, the same command goes on.
"""

import secrets
import time
from collections.abc import Iterator
from dataclasses import dataclass, replace
from functools import partial

from cluster.errors import MachineError, RefusedError, UsageError
from cluster.postgres.connection import connect, execute, fetch_one
from cluster.postgres.lsn import Lsn
from cluster.second_login import other_login, role_of_login
from cluster.units import human_seconds
from cluster.waiting import attempts, wait_until
from compose.console import Console, Progress
from compose.home import pgpass, role_passwords
from compose.home.role_passwords import FormerLogin, RoleCredentials, role_files
from compose.operations.databases.execution import open_login
from compose.operations.home_identity import changing
from compose.operations.role_rotation.login_sessions import end_sessions, login_sessions
from compose.operations.steps import Step, perform
from compose.stack import Stack

_REPLAY_SECONDS = 30.0
"""How long replicas may take to know the new login, which pools of readers ask them for."""
_LONGEST_NAME = 63


@dataclass(frozen=True, slots=True, kw_only=True)
class RotationRequest:
    """Begin, or ``finish``; ``grace`` seconds in between do both at once; ``yes``: who is still there is ended."""

    role: str
    finish: bool = False
    grace: float | None = None
    yes: bool = False


def rotate(stack: Stack, console: Console, wanted: RotationRequest) -> None:
    """Do what is wanted.

    Raises:
        UsageError: no such role is declared, or it does not log in.
        RefusedError: a rotation is open, or there is none to finish, or somebody is still there.
        MachineError, TimedOutError: a server did not take part; the same command goes on.
    """
    with changing(stack, "role.rotate") as stack:
        _check(stack, wanted.role)
        if wanted.finish:
            _finish(stack, console, wanted.role, yes=wanted.yes)
            return
        _begin(stack, console, wanted.role)
        if wanted.grace is not None:
            with console.step(f"Waiting {human_seconds(wanted.grace)} for programs to change over") as step:
                _wait(stack, wanted.role, wanted.grace, step)
            _finish(stack, console, wanted.role, yes=True)


def _check(stack: Stack, role: str) -> None:
    declared = stack.settings.declared
    if (of := role_of_login(role)) in role_passwords.logins(stack.settings):
        raise UsageError(f"{role} is the second login of {of}", f"run: inv role.rotate {of}")
    if not declared.role(role).login:
        raise UsageError(f"the role {role} is a group and has no password", "name a role that logs in")
    if len(other_login(role, role)) > _LONGEST_NAME:
        raise RefusedError(
            f"the name {role} is too long for a second login",
            "write another password into its file and run inv up",
        )
    if not role_files(stack.home, stack.settings, role).password.exists():
        raise RefusedError(f"{role} has no password yet", "run inv up, which makes it")


def _begin(stack: Stack, console: Console, role: str) -> None:
    now = role_passwords.read_one(stack.home, stack.settings, role)
    new = other_login(role, now.login)
    _refuse_open(stack, now, new)
    former = FormerLogin(login=now.login, password=now.password, began=time.time())
    changed = replace(now, login=new, password=secrets.token_urlsafe(32), former=former)
    perform(_beginning(stack, console, changed, former), console)
    files = role_files(stack.home, stack.settings, role)
    console.note(f"{role} logs in as {new} now, with the password in {files.password}")
    console.note(f"programs that read {files.service} at each login have both already")
    console.note(f"{now.login} goes on with its password until: inv role.rotate {role} --finish")


def _beginning(stack: Stack, console: Console, changed: RoleCredentials, former: FormerLogin) -> Iterator[Step]:
    """Nobody is given the new login before every server knows it. None is undone: the same command goes on."""
    home, settings, role = stack.home, stack.settings, changed.role
    files, primary = role_files(home, settings, role), stack.superuser(stack.topology.primary)
    known = []

    def let_in(_: Progress) -> None:
        known.append(open_login(primary, settings, role, changed.login, changed.password))

    yield Step(f"Noting who {role} was", lambda _: role_passwords.note_former(files, former), quiet=True)
    yield Step(f"Letting {changed.login} log in as {role}", let_in)
    yield Step("Waiting for replicas", lambda step: _await_replicas(stack, console, known[0], step), quiet=True)
    yield Step(f"Writing {files.service}", lambda _: pgpass.write(home, settings, stack.topology, changed), quiet=True)
    yield Step(
        f"Writing {files.password}",
        lambda _: role_passwords.write_password(files.password, changed.password),
        quiet=True,
    )
    yield Step("Writing secrets/pgpass", lambda _: pgpass.ensure(home, settings, stack.topology), quiet=True)


def _refuse_open(stack: Stack, now: RoleCredentials, new: str) -> None:
    if now.former is not None and not now.half_done:
        age = human_seconds(max(0.0, time.time() - now.former.began))
        raise RefusedError(
            f"a rotation of {now.role} has been open for {age}: {now.former.login} still logs in beside {now.login}",
            f"run inv role.rotate {now.role} --finish first",
        )
    if now.former is None and _may_log_in(stack, new):
        raise RefusedError(
            f"{new} may log in beside {now.login}, and there is no file that says since when",
            f"run inv role.rotate {now.role} --finish first, which shows who does",
        )


def _may_log_in(stack: Stack, login: str) -> bool:
    with connect(stack.superuser(stack.topology.primary)) as connection:
        return bool(fetch_one(connection, "may_log_in", lambda allowed: bool(allowed), [login]))


def _await_replicas(stack: Stack, console: Console, known: Lsn, step: Progress) -> None:
    """A pool of readers asks the replica that it leads to whether somebody may log in."""
    for node in (replica.name for replica in stack.topology.replicas):
        try:
            wait_until(
                partial(_behind, stack, node, known),
                timeout=_REPLAY_SECONDS,
                what=f"{node} did not learn of the new login",
                hint="see inv status; nobody was given the new login yet, and the same command goes on",
                progress=step.update,
            )
        except MachineError as fault:
            console.warn(f"{node} does not answer, and learns of the new login when it is back: {fault.message}")


def _behind(stack: Stack, node: str, known: Lsn) -> str:
    with connect(stack.monitor(node)) as connection:
        replayed = fetch_one(connection, "replayed", lambda lsn: Lsn.parse(lsn)) or Lsn(0)
    return "" if replayed >= known else f"{node} has replayed {replayed}, and needs {known}"


def _wait(stack: Stack, role: str, seconds: float, step: Progress) -> None:
    """Until the time is out; a program that is not connected may still log in by the old name meanwhile."""
    former = role_passwords.read_one(stack.home, stack.settings, role).former
    for left in attempts(seconds, 1.0):
        if former is not None and left:
            total = login_sessions(stack, former.login).total
            step.update(f"{total} still logged in as {former.login}, {human_seconds(left)} left")


def _finish(stack: Stack, console: Console, role: str, *, yes: bool) -> None:
    now = role_passwords.read_one(stack.home, stack.settings, role)
    old = other_login(role, now.login)
    if now.half_done:
        raise RefusedError(
            f"the rotation of {role} was interrupted before anybody was given {old}", f"run inv role.rotate {role}"
        )
    if now.former is None and not _may_log_in(stack, old):
        raise RefusedError(f"no rotation of {role} is open", f"run inv role.rotate {role}")
    found = login_sessions(stack, old)
    for host, reason in found.silent.items():
        console.warn(f"{host}'s PgBouncer is not asked who is there, and gives {old} no server any more: {reason}")
    if found.total and not yes:
        raise RefusedError(
            f"{found.total} still logged in as {old}: {found}",
            f"have them log in as {now.login}, or end them with: inv role.rotate {role} --finish --yes",
        )
    perform(_ending(stack, console, now, old), console)
    console.note(f"{role} logs in as {now.login} alone; sessions of {old} that were ended: {found.total}")


def _ending(stack: Stack, console: Console, now: RoleCredentials, old: str) -> Iterator[Step]:
    """None is undone: the same command goes on."""
    files = role_files(stack.home, stack.settings, now.role)

    def close(_: Progress) -> None:
        with connect(stack.superuser(stack.topology.primary)) as connection:
            execute(connection, "close_login", role=old)

    def end(_: Progress) -> None:
        if (left := end_sessions(stack, old)).total:
            console.warn(f"{left.total} sessions on replicas stay until they leave by themselves: {left}")

    if _may_log_in(stack, old):
        yield Step(f"Closing the login {old}", close)
    yield Step(f"Ending the sessions of {old}", end)
    yield Step("Forgetting its password", lambda _: role_passwords.forget_former(files), quiet=True)
    yield Step(
        f"Writing {files.pgpass}", lambda _: pgpass.ensure(stack.home, stack.settings, stack.topology), quiet=True
    )
