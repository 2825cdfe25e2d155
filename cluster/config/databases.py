"""What `config/databases.toml` declares: databases and roles, what each may, and how they are pooled. Pure.

The application's own (PODS_DATABASE, PODS_USER) are always the first; the file may say more of them. What is not
declared is left alone: absence drops nothing.
"""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import Literal, TypeVar

from cluster.errors import UsageError

FILE = "databases.toml"
"""Name of the file, in ``config/``."""
PoolMode = Literal["transaction", "session", "statement"]
LocaleProvider = Literal["builtin", "icu", "libc"]


@dataclass(frozen=True, slots=True, kw_only=True)
class DatabaseDeclaration:
    """One database; ``owner`` is empty for a role of its own name.

    ``extensions`` are names and versions, "" for the newest; ``settings`` what its sessions begin with; ``pool_size``
    None is a share of what all pools have. ``locale_provider`` and ``locale`` count when it is made, None for the
    server's own.
    """

    name: str
    owner: str = ""
    extensions: Mapping[str, str] = field(default_factory=dict)
    settings: Mapping[str, str] = field(default_factory=dict)
    pool_mode: PoolMode = "transaction"
    pool_size: int | None = None
    locale_provider: LocaleProvider | None = None
    locale: str | None = None

    @property
    def reader(self) -> str:
        """The group whose members read every table, those to come too."""
        return f"{self.name}_reader"

    @property
    def writer(self) -> str:
        """The group whose members read and change rows of every table, those to come too."""
        return f"{self.name}_writer"


@dataclass(frozen=True, slots=True, kw_only=True)
class RoleDeclaration:
    """One role. ``read``, ``write`` and ``owner`` are databases of which it has that profile.

    ``connection_limit`` None and ``valid_until`` "" are left as they are. ``create_databases`` are patterns, with * for
    anything, of databases that it may make, enter and drop: a test runner's.
    """

    name: str
    login: bool = True
    read: tuple[str, ...] = ()
    write: tuple[str, ...] = ()
    owner: tuple[str, ...] = ()
    member_of: tuple[str, ...] = ()
    connection_limit: int | None = None
    valid_until: str = ""
    settings: Mapping[str, str] = field(default_factory=dict)
    create_databases: tuple[str, ...] = ()

    @property
    def profiles(self) -> frozenset[str]:
        """Databases of which it has a profile of its own."""
        return frozenset((*self.read, *self.write, *self.owner))


@dataclass(frozen=True, slots=True, kw_only=True)
class Declarations:
    """Databases and roles as written, in the order of the file."""

    databases: tuple[DatabaseDeclaration, ...] = ()
    roles: tuple[RoleDeclaration, ...] = ()

    def database(self, name: str) -> DatabaseDeclaration:
        """The database called ``name``.

        Raises:
            UsageError: none is declared.
        """
        return _found(self.databases, name, "database")

    def role(self, name: str) -> RoleDeclaration:
        """The role called ``name``.

        Raises:
            UsageError: none is declared.
        """
        return _found(self.roles, name, "role")

    def completed(self, database: str, user: str) -> "Declarations":
        """These and what they imply: the application's database and role first, and a login for every owner.

        Raises:
            UsageError: the application's database has another owner.
        """
        own = next((each for each in self.databases if each.name == database), DatabaseDeclaration(name=database))
        if own.owner not in ("", user):
            hint = f"leave it out, or set PODS_USER={own.owner} before the first up"
            raise UsageError(f"config/{FILE}: the owner of {database} is PODS_USER={user}, not {own.owner}", hint)
        others = [replace(each, owner=each.owner or each.name) for each in self.databases if each.name != database]
        databases = (replace(own, owner=user), *others)
        written = {each.name: each for each in self.roles}
        owners = {each.owner: written.get(each.owner, RoleDeclaration(name=each.owner)) for each in databases}
        return Declarations(databases=databases, roles=tuple((owners | written).values()))

    @property
    def creators(self) -> tuple[RoleDeclaration, ...]:
        """Roles that make databases of their own: a test runner's, a migration's shadow."""
        return tuple(each for each in self.roles if each.create_databases)

    def may_enter(self, role: str) -> tuple[str, ...]:
        """Databases that the role may enter: by a profile of its own or of a role it is a member of, or as owner."""
        names = set(self._with_groups(role))
        profiles = {name for each in self.roles if each.name in names for name in each.profiles}
        return tuple(each.name for each in self.databases if each.name in profiles or each.owner in names)

    def _with_groups(self, role: str) -> Iterator[str]:
        known, waiting = {each.name: each.member_of for each in self.roles}, [role]
        seen: set[str] = set()
        while waiting:
            name = waiting.pop()
            if name not in seen:
                seen.add(name)
                waiting += known.get(name, ())
                yield name


_Declared = TypeVar("_Declared", DatabaseDeclaration, RoleDeclaration)


def _found(declared: Sequence[_Declared], name: str, what: str) -> _Declared:
    for each in declared:
        if each.name == name:
            return each
    names = ", ".join(each.name for each in declared)
    raise UsageError(f"no {what} {name!r} is declared", f"there are: {names}")
