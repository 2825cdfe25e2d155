"""Which database and role somebody asked for, and where the role's password is."""

from pathlib import Path

from cluster.config.databases import DatabaseDeclaration, Declarations
from cluster.config.settings import Settings
from cluster.errors import RefusedError, UsageError
from compose.home.paths import Home
from compose.home.permissions import check_secrets
from compose.home.role_passwords import login_of, role_files
from compose.report.connection.details import ConnectionDetails, CredentialFiles, connection_details
from compose.stack import Stack


def chosen_details(stack: Stack, database: str | None = None, role: str | None = None) -> ConnectionDetails:
    """How ``role`` reaches ``database``: the application's where none is named, as its owner where nobody is.

    Raises:
        UsageError: there is no such database, or the role does not log in to it.
        RefusedError: the role has no password yet, or whoever runs this may not see where the passwords are.
    """
    settings = stack.settings
    wanted = settings.declared.database(database if database is not None else settings.database)
    chosen = chosen_login(settings.declared, wanted, role)
    files = credential_files(stack.home, settings, chosen)
    _check_password(stack.home, files, chosen)
    login = login_of(stack.home, settings, chosen)
    return connection_details(settings, stack.topology, wanted.name, login, files)


def chosen_login(declared: Declarations, database: DatabaseDeclaration, role: str | None = None) -> str:
    """``role`` if it logs in to ``database``; without one its owner, or who else does where that is a group.

    Raises:
        UsageError: it does not; says who does.
    """
    logins = [each.name for each in declared.roles if each.login and database.name in declared.may_enter(each.name)]
    wanted = role if role is not None else database.owner
    if wanted in logins:
        return wanted
    if role is None and logins:
        return logins[0]
    group = any(each.name == wanted for each in declared.roles if not each.login)
    reason = "is a group and does not log in" if group else f"does not log in to {database.name}"
    raise UsageError(f"the role {wanted!r} {reason}", f"these log in to it: {', '.join(logins) or 'none'}")


def credential_files(home: Home, settings: Settings, role: str) -> CredentialFiles:
    """Where the password of ``role`` is: the application's has a name of its own, others lie in ``secrets/roles/``."""
    files = role_files(home, settings, role)
    return CredentialFiles(
        ca=str(home.ca), password=str(files.password), pgpass=str(files.pgpass), jdbc=str(files.jdbc)
    )


def _check_password(home: Home, files: CredentialFiles, role: str) -> None:
    check_secrets(home)
    if not Path(files.password).exists():
        raise RefusedError(f"{role} has no password yet: {files.password} is missing", "run: inv up")
