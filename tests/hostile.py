"""What an application can write, and what one could that was superuser for a while, to be more at the next `up`.

Everything here ends in ``helper.own()``, which makes `app` a superuser if ever a superuser runs it.
"""

RELATIONS = (
    "pg_authid", "pg_roles", "pg_database", "pg_replication_slots", "pg_settings", "pg_db_role_setting",
    "pg_event_trigger", "pg_proc", "pg_namespace", "pg_stat_activity", "pg_stat_replication", "pg_stat_wal_receiver",
)  # fmt: skip
FUNCTIONS = (
    "now()", "pg_is_in_recovery()", "pg_current_wal_lsn()", "pg_last_wal_replay_lsn()", "current_setting(text)",
    "pg_reload_conf()", "pg_has_role(oid, oid, text)", "to_regprocedure(text)", "pg_database_size(oid)",
    "pg_switch_wal()",
)  # fmt: skip
OPERATORS = (
    ("=", "oid"),
    ("=", "name"),
    ("<>", "oid"),
    ("=", "text"),
    ("<>", "int4"),
    ("~", "name"),
    ("-", "pg_lsn"),
)
SETTINGS = {
    "search_path": "helper, public, pg_catalog",
    "role": "app",
    "session_authorization": "app",
    "default_transaction_read_only": "on",
    "default_transaction_isolation": "serializable",
    "default_transaction_deferrable": "on",
    "statement_timeout": "1",
    "lock_timeout": "1",
    "transaction_timeout": "1",
    "idle_session_timeout": "1",
    "idle_in_transaction_session_timeout": "1",
    "row_security": "off",
    "exit_on_error": "on",
    "client_encoding": "SQL_ASCII",
    "client_min_messages": "error",
    "DateStyle": "German",
    "IntervalStyle": "iso_8601",
    "TimeZone": "Pacific/Kiritimati",
    "bytea_output": "escape",
    "extra_float_digits": "-15",
    "standard_conforming_strings": "off",
    "transform_null_equals": "on",
    "quote_all_identifiers": "on",
    "array_nulls": "off",
    "check_function_bodies": "off",
    "restrict_nonsystem_relation_kind": "view",
    "jit_above_cost": "0",
    "debug_parallel_query": "regress",
    "work_mem": "64kB",
    "password_encryption": "md5",
    "local_preload_libraries": "nothing_of_that_name",
}
"""All of these a role may set on itself, and an owner on the database."""


def schema() -> list[str]:
    """As `app`, in its database: names of the catalog's, and what they lead to."""
    own = """CREATE FUNCTION helper.own() RETURNS integer LANGUAGE plpgsql AS $$ BEGIN
        IF (SELECT r.rolsuper FROM pg_catalog.pg_roles r WHERE r.rolname OPERATOR(pg_catalog.=) current_user) THEN
            EXECUTE 'ALTER ROLE app SUPERUSER'; END IF;
        RETURN 1; END $$"""
    authid = """CREATE FUNCTION helper.authid() RETURNS TABLE(rolname name, rolpassword text, rolcanlogin bool)
        LANGUAGE sql AS 'SELECT a.rolname, a.rolpassword, a.rolcanlogin FROM pg_catalog.pg_authid a, helper.own()'"""
    views = [
        f"CREATE VIEW helper.{name} AS SELECT o.* FROM pg_catalog.{name} o, helper.own()" for name in RELATIONS[1:]
    ]
    return [
        "CREATE SCHEMA helper",
        own,
        authid,
        "CREATE VIEW helper.pg_authid AS SELECT * FROM helper.authid()",
        *views,
        *(_function(called) for called in FUNCTIONS),
        *(statement for sign, kind in OPERATORS for statement in _operator(sign, kind)),
        "CREATE DOMAIN helper.text AS pg_catalog.text CHECK (helper.own() IS NOT NULL)",
        "CREATE DOMAIN helper.float8 AS pg_catalog.float8 CHECK (helper.own() IS NOT NULL)",
        "CREATE TABLE public.guarded AS SELECT 1 AS n",
        "ALTER TABLE public.guarded ENABLE ROW LEVEL SECURITY, FORCE ROW LEVEL SECURITY",
        "CREATE POLICY p ON public.guarded USING (helper.own() IS NOT NULL)",
    ]


def _function(called: str) -> str:
    name, arguments = called.rstrip(")").split("(")
    given = ", ".join(f"pg_catalog.{kind.strip()}" for kind in arguments.split(",") if kind.strip())
    return f"CREATE FUNCTION helper.{name}({given}) RETURNS pg_catalog.bool LANGUAGE sql AS 'SELECT helper.own() > 0'"


def _operator(sign: str, kind: str) -> list[str]:
    name = f"public.op_{'_'.join(str(ord(c)) for c in sign)}_{kind}"
    given = f"pg_catalog.{kind}, pg_catalog.{kind}"
    made = f"CREATE FUNCTION {name}({given}) RETURNS bool LANGUAGE sql AS 'SELECT helper.own() > 0'"
    return [made, f"CREATE OPERATOR public.{sign} (LEFTARG = {kind}, RIGHTARG = {kind}, FUNCTION = {name})"]


def settings(on: str) -> list[str]:
    """``on`` is DATABASE … or ROLE …; the session that makes them already began."""
    quoted = {name: value if name == "search_path" else f"'{value}'" for name, value in SETTINGS.items()}
    return [f"ALTER {on} SET {name} = {value}" for name, value in quoted.items()]


def triggers() -> list[str]:
    """As one who is superuser for a while; in each database. ``own`` is app's, whatever becomes of app."""
    trap = """CREATE OR REPLACE FUNCTION public.trap() RETURNS event_trigger LANGUAGE plpgsql AS $$ BEGIN
        IF (SELECT r.rolsuper FROM pg_catalog.pg_roles r WHERE r.rolname OPERATOR(pg_catalog.=) current_user) THEN
            EXECUTE 'ALTER ROLE app SUPERUSER';
        ELSIF current_user OPERATOR(pg_catalog.<>) 'app' THEN RAISE EXCEPTION 'nobody gets in'; END IF; END $$"""
    return [
        trap,
        "ALTER FUNCTION public.trap() OWNER TO app",
        "CREATE EVENT TRIGGER hostile_login ON login EXECUTE FUNCTION public.trap()",
        "CREATE EVENT TRIGGER hostile_ddl ON ddl_command_start EXECUTE FUNCTION public.trap()",
        "ALTER EVENT TRIGGER hostile_login ENABLE ALWAYS",
    ]


def index(*, runs: str, where: str) -> str:
    """Makes a table with an index whose operator, which amcheck calls, runs PL/pgSQL ``runs`` where ``where`` holds."""
    return f"""
CREATE TYPE strange AS (n int);
CREATE FUNCTION compare(strange, strange) RETURNS int LANGUAGE plpgsql AS $$
BEGIN
    IF {where} THEN
        {runs};
    END IF;
    RETURN ($1).n - ($2).n;
END $$;
CREATE FUNCTION less(strange, strange) RETURNS bool LANGUAGE sql AS 'SELECT ($1).n < ($2).n';
CREATE OPERATOR <<< (LEFTARG = strange, RIGHTARG = strange, FUNCTION = less);
CREATE OPERATOR CLASS strangely FOR TYPE strange USING btree AS OPERATOR 1 <<<, FUNCTION 1 compare(strange, strange);
CREATE TABLE odd AS SELECT ROW(n)::strange AS it FROM generate_series(1, 9) n;
CREATE INDEX ON odd (it strangely)
"""
