"""What `inv connect` prints: as it was found good, and read back by the parsers of each language."""

import ast
import json
import re
import shlex
from collections.abc import Callable
from dataclasses import replace
from typing import Any
from urllib.parse import parse_qsl, unquote_plus, urlsplit

import pytest
import yaml
from hypothesis import given
from hypothesis import strategies as st
from psycopg.conninfo import conninfo_to_dict

from cluster.config.databases import DatabaseDeclaration, Declarations, RoleDeclaration
from cluster.config.databases_file import parse
from cluster.config.docker_hosts import DockerHosts, Host
from cluster.errors import RefusedError, UsageError
from cluster.topology import Node
from compose.home import passwords
from compose.home.paths import Home
from compose.report.connection.choice import chosen_details, chosen_login
from compose.report.connection.details import ConnectionDetails, CredentialFiles, connection_details
from compose.report.connection.forms import FORMS, connection_form, connection_summary
from compose.report.connection.quoting import QUOTING, string_literal
from compose.stack import Stack
from tests.fix_settings import settings_of, topology_of
from tests.unit.house.commands import CONTEXTS

SETTINGS = settings_of(project="shop", database="appdb", tls_names="db.example.org", bind="0.0.0.0")
FILES = CredentialFiles(
    ca="/srv/pods/secrets/tls/ca.crt",
    password="/srv/pods/secrets/roles/reporting",
    pgpass="/srv/pods/secrets/roles/reporting.pgpass",
    jdbc="/srv/pods/secrets/roles/reporting.jdbc",
)
DETAILS = connection_details(SETTINGS, topology_of(SETTINGS), "shop-eu", "reporting", FILES)

names = st.from_regex(r"[a-z_][a-z0-9_-]{0,30}", fullmatch=True)
paths = st.text(st.characters(exclude_categories=["Cs", "Cc"]), min_size=1, max_size=30).map(lambda text: f"/{text}")


@st.composite
def anywhere(draw: st.DrawFn) -> ConnectionDetails:
    """Of any names, in a home with any path."""
    home = draw(paths)
    secrets = {"password": f"{home}/password", "pgpass": f"{home}/it.pgpass", "jdbc": f"{home}/it.jdbc"}
    files = CredentialFiles(ca=f"{home}/ca.crt", **secrets)
    return connection_details(SETTINGS, topology_of(SETTINGS), draw(names), draw(names), files)


@pytest.mark.parametrize("form", FORMS)
def test_each_form_is_as_it_was_found_good(form: str, golden: Callable[[str, str], None]) -> None:
    golden(f"connect/{form}.txt", connection_form(form, DETAILS))


HOSTS = DockerHosts(hosts=tuple(Host(name=n, address=f"10.0.0.1{i}") for i, n in enumerate(("alpha", "beta", "gamma"))))
MOVED = connection_details(
    replace(SETTINGS, hosts=HOSTS),
    replace(
        topology_of(SETTINGS),
        nodes=tuple(Node(name=name, ordinal=at, host=name) for at, name in enumerate(HOSTS.names, 1)),
        primary="beta",
        engine="patroni",
    ),
    "shop-eu",
    "reporting",
    FILES,
)


@pytest.mark.parametrize("form", FORMS)
def test_over_several_pgbouncers_each_form_is_as_it_was_found_good(
    form: str, golden: Callable[[str, str], None]
) -> None:
    text = connection_form(form, MOVED)
    golden(f"connect/several/{form}.txt", text)
    assert "{{" not in text


def test_libpq_is_given_all_pgbouncers_and_for_a_session_of_its_own_all_nodes() -> None:
    write, direct = conninfo_to_dict(MOVED.uris["write"]), conninfo_to_dict(MOVED.uris["direct"])
    assert (write["host"], write["port"]) == ("10.0.0.10,10.0.0.11,10.0.0.12", "6432,6432,6432")
    assert write["connect_timeout"] == "2"
    assert (direct["host"], direct["port"]) == ("10.0.0.11,10.0.0.10,10.0.0.12", "5432,5432,5432")
    assert direct["target_session_attrs"] == "read-write"
    assert "Of 3 PgBouncers" in connection_summary(MOVED)


def test_python_reads_its_forms_over_several_pgbouncers() -> None:
    for form in ("python", "django", "sqlalchemy", "asyncpg"):
        ast.parse(connection_form(form, MOVED))
    rails = yaml.safe_load(connection_form("rails", MOVED))
    assert (rails["pool"]["host"], rails["pool"]["port"]) == ("10.0.0.10,10.0.0.11,10.0.0.12", "6432,6432,6432")


def test_without_a_form_there_are_addresses_and_the_names_of_all(golden: Callable[[str, str], None]) -> None:
    text = connection_summary(DETAILS)
    golden("connect/summary.txt", text)
    assert all(form in text for form in FORMS)
    assert all(form in str(CONTEXTS["connect"].args["as"].help) for form in FORMS)


def _expected(details: ConnectionDetails) -> list[dict[str, str]]:
    """What libpq is to be given for writes, reads and a session of its own."""
    trust = {"sslmode": "verify-full", "sslrootcert": details.files.ca, "passfile": details.files.pgpass}
    login = {"user": details.role, **trust}
    servers = [
        (details.host.pooler, details.write_pool),
        (details.host.pooler, details.read_pool),
        (details.host.primary, details.database),
    ]
    return [{**login, "host": server.host, "port": str(server.port), "dbname": name} for server, name in servers]


def _addresses(text: str, scheme: str) -> list[str]:
    return [line for line in text.splitlines() if line.startswith(scheme)]


@given(anywhere())
def test_libpq_reads_its_addresses_back(details: ConnectionDetails) -> None:
    text = connection_form("uri", details)
    assert [conninfo_to_dict(line) for line in _addresses(text, "postgresql://")] == _expected(details)


@given(anywhere())
def test_a_shell_hands_psql_the_same(details: ConnectionDetails) -> None:
    lines = [shlex.split(line) for line in connection_form("psql", details).splitlines() if not line.startswith("#")]
    assert [line[:2] for line in lines] == 3 * [["PGREQUIREAUTH=scram-sha-256", "psql"]]
    assert [conninfo_to_dict(line[2]) for line in lines] == _expected(details)


@given(anywhere())
def test_a_shell_reads_its_variables_back(details: ConnectionDetails) -> None:
    lines = [shlex.split(line, comments=True) for line in connection_form("env", details).splitlines()]
    read = dict(word.split("=", 1) for export, word in lines if export == "export")
    variables = {"host": "PGHOST", "port": "PGPORT", "dbname": "PGDATABASE", "user": "PGUSER"}
    files = {"passfile": "PGPASSFILE", "sslmode": "PGSSLMODE", "sslrootcert": "PGSSLROOTCERT"}
    assert {name: read[variable] for name, variable in {**variables, **files}.items()} == _expected(details)[0]


def _assigned(source: str, name: str) -> ast.expr:
    """What a module assigns to ``name``."""
    found = [each for each in ast.parse(source).body if isinstance(each, ast.Assign)]
    return next(each.value for each in found if ast.unparse(each.targets[0]) == name)


def _literals(tree: ast.AST) -> dict[str, Any]:
    """Keys and keywords whose value is a literal."""
    read: dict[str, Any] = {}
    for node in ast.walk(tree):
        if isinstance(node, ast.keyword) and node.arg and isinstance(node.value, ast.Constant):
            read[node.arg] = node.value.value
        if isinstance(node, ast.Dict):
            pairs = ((key, value) for key, value in zip(node.keys, node.values, strict=True) if key is not None)
            read |= {ast.literal_eval(key): value.value for key, value in pairs if isinstance(value, ast.Constant)}
    return read


@given(anywhere())
def test_python_reads_its_own_back(details: ConnectionDetails) -> None:
    wanted = {**_expected(details)[0], "port": details.host.pooler.port}
    del wanted["dbname"]
    psycopg = _literals(_assigned(connection_form("python", details), "POOL"))
    assert psycopg == {**wanted, "require_auth": "scram-sha-256"}
    sqlalchemy = _literals(_assigned(connection_form("sqlalchemy", details), "POOL"))
    assert sqlalchemy == {("username" if name == "user" else name): value for name, value in psycopg.items()}
    asyncpg = _literals(_assigned(connection_form("asyncpg", details), "POOL"))
    assert asyncpg == {name: wanted[name] for name in ("host", "port", "user", "passfile")} | {
        "cafile": details.files.ca
    }


@given(anywhere())
def test_django_s_databases_are_three(details: ConnectionDetails) -> None:
    made: dict[str, Any] = {}
    exec(connection_form("django", details), made)
    read = [
        {
            **each["OPTIONS"],
            **{
                name: each[key]
                for name, key in (("host", "HOST"), ("port", "PORT"), ("user", "USER"), ("dbname", "NAME"))
            },
        }
        for each in made["DATABASES"].values()
    ]
    assert read == _expected(details)
    assert list(made["DATABASES"]) == ["default", "replica", "direct"]


@given(anywhere())
def test_rails_reads_its_databases_back(details: ConnectionDetails) -> None:
    text = connection_form("rails", details)
    assert not re.search(r"<%(?!%)", text), "code for ERB"
    read = yaml.safe_load(text.replace("<%%", "<%"))["production"].values()
    keys = {"username": "user", "database": "dbname"}
    found = [{keys.get(key, key): str(value) for key, value in each.items()} for each in read]
    assert [{name: each[name] for name in _expected(details)[0]} for each in found] == _expected(details)[:2]


@given(anywhere())
def test_compose_reads_its_service_back(details: ConnectionDetails) -> None:
    text = connection_form("compose", details)
    assert not re.search(r"(?<!\$)\$(?!\$)", text.replace("$$", "")), "a variable for Compose"
    read = yaml.safe_load(text.replace("$$", "$"))
    environment, secrets = read["services"]["app"]["environment"], read["secrets"]
    assert environment["PGDATABASE"] == details.write_pool
    assert environment["PGUSER"] == details.role
    assert (environment["PGHOST"], environment["PGPORT"]) == ("pgbouncer", "6432")
    assert [secrets[f"pods_{name}"]["file"] for name in ("ca", "pgpass", "password")] == [
        details.files.ca,
        details.files.pgpass,
        details.files.password,
    ]
    assert read["networks"]["pods"] == {"name": "shop_nodes", "external": True}


@given(anywhere())
def test_jdbc_reads_its_addresses_back(details: ConnectionDetails) -> None:
    text = connection_form("jdbc", details)
    read = [urlsplit(line.removeprefix("jdbc:")) for line in _addresses(text, "jdbc:")]
    found = [
        {
            **dict(parse_qsl(each.query, strict_parsing=True)),
            "host": each.hostname,
            "port": str(each.port),
            "dbname": unquote_plus(each.path[1:]),
        }
        for each in read
    ]
    assert [{**each, "passfile": details.files.pgpass} for each in found] == _expected(details)
    assert shlex.split(_addresses(text, "export ")[0]) == ["export", f"PGPASSFILE={details.files.pgpass}"]


_STRING = re.compile(r'"(?:[^"\\]|\\.)*"')
"""A string of JavaScript in double quotes."""


@given(anywhere())
@pytest.mark.parametrize("form", ["node", "prisma"])
def test_javascript_reads_its_strings_back(form: str, details: ConnectionDetails) -> None:
    code = re.sub(r"^\s*//.*$", "", connection_form(form, details), flags=re.MULTILINE)
    read = [json.loads(text) for text in _STRING.findall(code)]
    wanted = (details.files.ca, details.files.password, details.write_pool, details.read_pool, details.role)
    assert set(wanted) <= set(read)


@given(st.text(st.characters(exclude_categories=["Cs"])))
def test_a_string_is_the_same_in_python_javascript_and_yaml(text: str) -> None:
    literal = string_literal(text)
    assert ast.literal_eval(literal) == json.loads(literal) == yaml.safe_load(literal) == text
    assert shlex.split(QUOTING["shell"](text)) == [text]
    assert unquote_plus(QUOTING["url"](text)) == text


def test_a_password_is_in_no_form(bare_home: Home) -> None:
    secret = passwords.ensure(bare_home, SETTINGS, first=True)[passwords.APP]
    details = chosen_details(Stack(bare_home, SETTINGS, topology_of(SETTINGS)))
    assert details.files.password == str(bare_home.secrets / "app_password")
    for text in (connection_summary(details), *(connection_form(form, details) for form in FORMS)):
        assert secret not in text
        assert "app_password" in text or "app.pgpass" in text


DECLARED = parse("""
[databases.shop]
[databases.blog]
owner = "writers"
[roles.writers]
login = false
[roles.anna]
member_of = ["writers"]
[roles.reporting]
read = ["shop", "appdb"]
""").completed("appdb", "app")


@pytest.mark.parametrize(
    ("database", "role", "login"),
    [
        ("appdb", None, "app"),
        ("appdb", "reporting", "reporting"),
        ("shop", None, "shop"),
        ("shop", "reporting", "reporting"),
        ("blog", None, "anna"),
    ],
)
def test_who_logs_in_is_the_owner_or_who_is_named(database: str, role: str | None, login: str) -> None:
    assert chosen_login(DECLARED, DECLARED.database(database), role) == login


@pytest.mark.parametrize(
    ("database", "role", "refusal"),
    [
        ("blog", "reporting", "'reporting' does not log in to blog — these log in to it: anna"),
        ("blog", "writers", "'writers' is a group and does not log in — these log in to it: anna"),
        ("appdb", "postgres", "'postgres' does not log in to appdb — these log in to it: app, reporting"),
        ("shop", "", "'' does not log in to shop — these log in to it: shop, reporting"),
    ],
)
def test_who_cannot_log_in_is_refused_with_those_who_can(database: str, role: str, refusal: str) -> None:
    with pytest.raises(UsageError) as error:
        chosen_login(DECLARED, DECLARED.database(database), role)
    assert str(error.value) == f"the role {refusal}"


@given(st.data())
def test_whoever_is_chosen_may_enter(data: st.DataObject) -> None:
    some = st.lists(st.sampled_from("abcd"), unique=True, max_size=2).map(tuple)
    each = st.builds(RoleDeclaration, name=st.just(""), login=st.booleans(), read=some, owner=some, member_of=some)
    roles = tuple(replace(data.draw(each), name=name) for name in "abcd")
    databases = tuple(DatabaseDeclaration(name=name, owner=data.draw(st.sampled_from("abcd"))) for name in "abcd")
    declared = Declarations(databases=databases, roles=roles)
    database, role = data.draw(st.sampled_from(databases)), data.draw(st.none() | st.sampled_from("abcdx"))
    able = [each.name for each in roles if each.login and database.name in declared.may_enter(each.name)]
    try:
        assert chosen_login(declared, database, role) in ([role] if role else able)
    except UsageError:
        assert role not in able if role else not able


def test_what_is_not_there_is_refused_with_what_is(bare_home: Home) -> None:
    stack = Stack(bare_home, replace(SETTINGS, declarations=DECLARED), topology_of(SETTINGS))
    with pytest.raises(UsageError, match="no database 'shp' is declared — there are: appdb, shop, blog"):
        chosen_details(stack, "shp")
    with pytest.raises(UsageError, match="'go' — there are: uri, env"):
        connection_form("go", DETAILS)
    with pytest.raises(RefusedError, match="app has no password yet"):
        chosen_details(stack)


def test_a_declared_role_has_files_of_its_own(bare_home: Home) -> None:
    stack = Stack(bare_home, replace(SETTINGS, declarations=DECLARED), topology_of(SETTINGS))
    (bare_home.secrets / "roles").mkdir(parents=True, mode=0o700)
    bare_home.secrets.chmod(0o700)
    (bare_home.secrets / "roles" / "reporting").touch(0o600)
    details = chosen_details(stack, "shop", "reporting")
    assert (details.database, details.role, details.write_pool) == ("shop", "reporting", "shop")
    assert details.files.password == str(bare_home.secrets / "roles" / "reporting")
    assert details.files.pgpass == str(bare_home.secrets / "roles" / "reporting.pgpass")


@pytest.mark.parametrize(("bind", "host"), [("127.0.0.1", "127.0.0.1"), ("0.0.0.0", "db.example.org")])
def test_where_others_may_come_it_is_the_name_they_know(bind: str, host: str) -> None:
    settings = settings_of(bind=bind, tls_names="db.example.org")
    details = connection_details(settings, topology_of(settings), "appdb", "app", FILES)
    assert {details.host.pooler.host, details.host.primary.host} == {host}
