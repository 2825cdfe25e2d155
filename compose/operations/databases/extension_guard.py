"""No extension goes from the images while a database uses it: its functions, types and indexes would lead nowhere."""

from collections.abc import Iterable, Iterator
from dataclasses import dataclass, replace

from cluster.config.env_file import load_settings
from cluster.config.settings import Settings
from cluster.errors import PodsError, RefusedError
from cluster.extensions import parameters, wanted_extensions, word_of
from cluster.postgres.connection import connect, fetch_all
from compose.engine.containers import Container
from compose.engine.host import host_facts_of
from compose.engine.published_ports import present_endpoints
from compose.operations.databases.extension_plan import Installed
from compose.operations.home_identity import renders_another
from compose.stack import Stack


@dataclass(frozen=True, slots=True, kw_only=True)
class ExtensionUse:
    """An extension of a database."""

    database: str
    name: str
    version: str
    schema: str


def check_extensions(stack: Stack, found: Iterable[Container]) -> None:
    """Refuse what nobody knows, and images without what is used.

    Args:
        stack: the cluster with the settings as they are wanted.
        found: its containers, which may still listen where the settings had them.

    Raises:
        UsageError: a database is declared with what cannot be.
        RefusedError: no word brings an extension that a database has; or one is gone, and nobody can tell.
    """
    parameters(stack.settings)
    removed = ", ".join(_removed(stack))
    if not removed and not _makes_others(stack):
        return
    present = present_endpoints(stack.settings, stack.topology, found)
    try:
        used = list(extensions_in_use(replace(stack, elsewhere=present)))
    except PodsError as error:
        if not removed:
            return
        raise RefusedError(
            f"nobody can tell whether a database uses {removed}, which is wanted no more: {error.message}",
            "put it back into PODS_EXTENSIONS and run inv up; then take it out again",
        ) from None
    wanted = {each.word for each in wanted_extensions(stack.settings)}
    for use in used:
        if (word := word_of(use.name)) and word not in wanted:
            what = f"{use.name} {use.version}"
            raise RefusedError(
                f"the database {use.database} uses the extension {what}, and PODS_EXTENSIONS has no {word}",
                f"set it there; or there: DROP EXTENSION {use.name}",
            )


def _makes_others(stack: Stack) -> bool:
    """Whether nodes get other images than they run, of this code or of somebody's own."""
    if not stack.home.compose_file.exists() or not stack.topology.system_identifier:
        return False
    image = host_facts_of(stack.home, stack.settings, stack.topology).images.postgres
    return renders_another(stack.home.compose_file.read_text(encoding="utf-8"), image)


def _removed(stack: Stack) -> list[str]:
    """Words of what the last `up` put into the images and this one would not."""
    accepted = accepted_settings(stack)
    if accepted is None:
        return []
    wanted = {each.word for each in wanted_extensions(stack.settings)}
    return [each.word for each in wanted_extensions(accepted) if each.word not in wanted]


def accepted_settings(stack: Stack) -> Settings | None:
    """The settings of the last `up`, as services have them; None before the first, or where they cannot be read."""
    directory = stack.home.rendered / "services"
    if not (directory / ".env").exists():
        return None
    try:
        return load_settings(directory, {}, strict=False)
    except PodsError:  # of another version of PODS, which knew no extensions
        return None


def extensions_in_use(stack: Stack) -> Iterator[ExtensionUse]:
    """Every extension of every database of the primary that lets somebody in.

    Raises:
        PodsError: it does not answer.
    """
    superuser = stack.superuser(stack.topology.primary)
    with connect(superuser) as connection:
        names = fetch_all(connection, "open_databases", _name)
    for name in names:
        with connect(replace(superuser, database=name)) as connection:
            for each in fetch_all(connection, "extensions_installed", Installed):
                yield ExtensionUse(database=name, name=each.name, version=each.version, schema=each.schema)


def _name(name: str) -> str:
    return name
