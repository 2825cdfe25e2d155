"""The commented `config/databases.toml` that `up` makes, and the tables of docs/reference/databases.md, from one list.

A test holds it to the fields of the declarations.
"""

from dataclasses import dataclass

_WIDTH = 40
"""Column in which explanations begin."""


@dataclass(frozen=True, slots=True, kw_only=True)
class DeclarationKey:
    """A key of an entry: an example as TOML, its default in words, what it means, and that in short."""

    name: str
    example: str
    default: str
    short: str
    meaning: str


DATABASE_KEYS = (
    DeclarationKey(
        name="owner",
        example='"shop"',
        default="a role of the database's name",
        short="the role that makes its tables",
        meaning="The role that owns the schema `public` and makes its tables; it logs in, and is made if missing. "
        "The database itself belongs to `postgres`.",
    ),
    DeclarationKey(
        name="extensions",
        example='["pgvector", "hll"]',
        default="none",
        short='or { vector = "0.8.1" }',
        meaning="Extensions to be there, as a list of names or a table of names and versions.",
    ),
    DeclarationKey(
        name="settings",
        example='{ statement_timeout = "30s" }',
        default="none",
        short="what its sessions begin with",
        meaning="Parameters that every session in it begins with.",
    ),
    DeclarationKey(
        name="pool_mode",
        example='"transaction"',
        default="`transaction`",
        short="or session, statement",
        meaning="When PgBouncer lends a server connection to the next client: `transaction`, `session` or `statement`.",
    ),
    DeclarationKey(
        name="pool_size",
        example="5",
        default="its share",
        short="server connections of each pool",
        meaning="Server connections of each of its pools. Without it, what all pools may have is shared out evenly.",
    ),
    DeclarationKey(
        name="locale_provider",
        example='"icu"',
        default="the server's",
        short="builtin, icu or libc; once",
        meaning="`builtin`, `icu` or `libc`; wants `locale`. Counts when the database is made, and never after.",
    ),
    DeclarationKey(
        name="locale",
        example='"de-DE"',
        default="the server's",
        short="how it sorts; once",
        meaning="How text is sorted and compared. Counts when the database is made, and never after.",
    ),
)
ROLE_KEYS = (
    DeclarationKey(
        name="login",
        example="true",
        default="`true`",
        short="false: a group",
        meaning="Whether it logs in, with the password in `secrets/roles/NAME`; `false` makes a group.",
    ),
    DeclarationKey(
        name="read",
        example='["shop"]',
        default="none",
        short="databases it reads",
        meaning="Databases of which it reads every table, those to come too.",
    ),
    DeclarationKey(
        name="write",
        example='["blog"]',
        default="none",
        short="databases whose rows it changes",
        meaning="Databases of which it reads and changes rows of every table, those to come too.",
    ),
    DeclarationKey(
        name="owner",
        example='["wiki"]',
        default="none",
        short="databases it may do all in",
        meaning="Databases in which it may do what their owner may.",
    ),
    DeclarationKey(
        name="member_of",
        example='["analysts"]',
        default="none",
        short="groups it belongs to",
        meaning="Groups whose rights it has.",
    ),
    DeclarationKey(
        name="connection_limit",
        example="5",
        default="left as it is",
        short="-1: no limit",
        meaning="Sessions at once; `-1` is no limit.",
    ),
    DeclarationKey(
        name="valid_until",
        example="2027-01-31",
        default="left as it is",
        short="or infinity",
        meaning="Until when its password is good: a date, a moment with its offset, or `infinity`.",
    ),
    DeclarationKey(
        name="settings",
        example='{ work_mem = "64MB" }',
        default="none",
        short="what its sessions begin with",
        meaning="Parameters that its sessions begin with.",
    ),
    DeclarationKey(
        name="create_databases",
        example='["test_*"]',
        default="none",
        short="databases it may make and drop",
        meaning="Patterns, with `*` for anything, of databases that it may make, enter and drop: a test runner's.",
    ),
)

_HEAD = """\
# Databases and roles of this cluster, beside PODS_DATABASE and PODS_USER, which are there without a word.
# inv up and inv config.apply make what is missing and change what differs; nothing is dropped because it is not here.
# inv database.add and inv role.add write into this file, inv database.drop and inv role.drop take out of it;
# your comments stay. What each key means: docs/reference/databases.md
"""


def template() -> str:
    """The text of the file while nobody has written it; all of it is comment."""
    entries = (_entry("databases.shop", DATABASE_KEYS), _entry("roles.reporting", ROLE_KEYS))
    return "\n".join((_HEAD, *entries))


def _entry(header: str, keys: tuple[DeclarationKey, ...]) -> str:
    lines = [f"#{f'{each.name} = {each.example}':<{_WIDTH}} # {each.short}" for each in keys]
    return "\n".join((f"#[{header}]", *lines, ""))


def key_table(keys: tuple[DeclarationKey, ...]) -> str:
    """The rows of the reference."""
    rows = [f"| `{each.name}` | `{each.example}` | {each.default} | {each.meaning} |" for each in keys]
    return "\n".join(("| key | for example | default | what it means |", "|---|---|---|---|", *rows, ""))
