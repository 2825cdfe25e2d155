"""Tasks about the roles of the cluster."""

from invoke.context import Context
from invoke.tasks import task

from compose.console import Console


@task(
    help={
        "name": "the new role",
        "read": "databases that it reads, separated by commas",
        "write": "databases whose rows it changes",
        "owner": "databases in which it may do all that their owner may",
        "member_of": "groups that it belongs to",
        "group": "a group, which does not log in",
        "connection_limit": "sessions at once",
        "valid_until": "until when its password is good: 2027-01-31, 2027-01-31T12:00:00Z or infinity",
    },
    auto_shortflags=False,
)
def add(
    c: Context,
    name: str,
    read: str | None = None,
    write: str | None = None,
    owner: str | None = None,
    member_of: str | None = None,
    group: bool = False,
    connection_limit: str | None = None,
    valid_until: str | None = None,
) -> None:
    """Declare a role, make it, and say how to connect."""
    from compose.console import whole_number
    from compose.operations.databases.additions import declare, listed
    from compose.report.databases import print_role_made
    from compose.stack import open_stack

    lists = {"read": read, "write": write, "owner": owner, "member_of": member_of}
    limit = whole_number("--connection-limit", connection_limit)
    given = {key: listed(text) for key, text in lists.items()} | {
        "login": False if group else None,
        "connection_limit": limit,
        "valid_until": valid_until,
    }
    values = {key: value for key, value in given.items() if value is not None}
    print_role_made(declare(open_stack(), Console(), "roles", name, values), name)


@task(name="list", default=True, help={"json": "print data instead of a table"}, auto_shortflags=False)
def list_(c: Context, json: bool = False) -> None:
    """List the roles: profiles, groups, limits, passwords."""
    from compose.operations.databases.inventory import all_roles
    from compose.report.databases import print_roles
    from compose.report.status import print_json
    from compose.stack import open_stack

    found = all_roles(open_stack())
    print_json(found) if json else print_roles(found)


@task(
    help={"name": "the role", "reassign_to": "this role gets what it owns, in every database", "yes": "do not ask"},
    auto_shortflags=False,
)
def drop(c: Context, name: str, reassign_to: str | None = None, yes: bool = False) -> None:
    """Take away a role that owns nothing, or whose things go on."""
    from compose.operations.databases.drop_role import drop_role
    from compose.stack import open_stack

    drop_role(open_stack(), Console(), name, heir=reassign_to, yes=yes)


@task(
    help={
        "name": "the role: the application's, or one of config/databases.toml",
        "finish": "end the old login, once nobody is logged in with it",
        "grace": "begin, wait so many seconds, and finish, whoever is still there",
        "yes": "with --finish: end the sessions of who is still there",
    },
    auto_shortflags=False,
)
def rotate(c: Context, name: str, finish: bool = False, grace: str | None = None, yes: bool = False) -> None:
    """Give a role a new password; the old one goes on for now."""
    from compose.console import whole_number
    from compose.operations.role_rotation.rotation import RotationRequest
    from compose.operations.role_rotation.rotation import rotate as rotate_role
    from compose.stack import open_stack

    seconds = whole_number("--grace", grace)
    rotate_role(open_stack(), Console(), RotationRequest(role=name, finish=finish, grace=seconds, yes=yes))
