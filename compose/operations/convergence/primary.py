"""The primary: started before replicas are cloned from it, provisioned with roles, database and slots."""

from collections.abc import Iterator, Mapping

from cluster.errors import RefusedError
from cluster.postgres.connection import connect
from cluster.postgres.failures import ConnectError, Failure
from cluster.waiting import wait_until
from compose.console import Progress
from compose.home.role_passwords import login_of
from compose.operations import database_owner, provision
from compose.operations.convergence.state import Convergence
from compose.operations.promotion.recorded_change import record_present
from compose.operations.start import hopeless, not_running
from compose.operations.start import start as start_service
from compose.operations.steps import Step


def start_primary(run: Convergence) -> Step:
    """Alone, and until its superuser gets in: health checks need a role that may still be missing."""

    def start(step: Progress) -> None:
        before = start_service(run.stack, step, [run.primary])
        wait_until(
            lambda: _missing(run, before),
            timeout=run.stack.settings.start_timeout,
            what=f"{run.primary} did not accept connections",
            hint=f"see inv logs --service {run.primary}; a long recovery wants a larger PODS_START_TIMEOUT",
            progress=step.update,
        )

    return Step(f"Starting {run.primary}", start)


def _missing(run: Convergence, before: Mapping[str, int]) -> str:
    try:
        with connect(run.stack.superuser(run.primary)):
            return ""
    except ConnectError as fault:
        _refuse_wrong_password(run, fault)
        container = run.stack.containers().get(run.primary)
        if container is None or hopeless(container, before):
            raise not_running(run.stack, run.primary) from None
        return fault.message


def _refuse_wrong_password(run: Convergence, fault: ConnectError) -> None:
    """Waiting does not help where the superuser may not log in, mostly for a wrong password."""
    if fault.kind is Failure.AUTH:
        raise RefusedError(
            f"{run.primary}: {fault.message}",
            "put secrets/superuser_password back as it was when the data was made",
        ) from None


def provision_primary(run: Convergence) -> Step:
    """Roles, database, look-up function and slots, made where missing."""
    return Step(f"Provisioning {run.primary}", lambda _: _provision_now(run), quiet=True)


def _provision_now(run: Convergence) -> None:
    """Make what is missing inside the primary, and remember what was found."""
    stack = run.stack
    login = login_of(stack.home, stack.settings, stack.settings.user)
    superuser = stack.superuser(run.primary)
    run.provisioned = provision.converge(superuser, stack.settings, stack.passwords, run.staying, login)
    if run.provisioned.made:
        run.console.note("made in the primary: " + ", ".join(run.provisioned.made))
    database_owner.report_excess(run.console, run.provisioned.excess)


def provision_if_reachable(run: Convergence) -> None:
    """As soon as the superuser gets in, while containers start: their health checks may need what is made."""
    if run.provisioned is None:
        try:
            _provision_now(run)
        except ConnectError as fault:
            _refuse_wrong_password(run, fault)


def provision_missing(run: Convergence) -> Iterator[Step]:
    """Where no earlier step did it."""
    if run.provisioned is None:
        yield provision_primary(run)


def settle_owner(run: Convergence) -> Iterator[Step]:
    """Only after PgBouncer was reloaded, which looks its users up elsewhere now."""
    if run.provisioned is not None and (database := run.provisioned.unsettled) is not None:
        title = f"Making postgres the owner of the database {database.name}"
        yield Step(title, lambda _: database_owner.settle(run.stack, run.console, database), quiet=True)


def note_primary(run: Convergence) -> Iterator[Step]:
    """The journal says who is the primary, from the first `up` on."""

    def note(_: Progress) -> None:
        if unnoted := record_present(run.stack, first=run.data[run.primary] is None, by="inv up"):
            run.console.warn(unnoted)

    yield Step("Noting who is the primary", note, quiet=True)
