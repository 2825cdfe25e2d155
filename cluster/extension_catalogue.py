"""The catalogue of extensions: for each word of PODS_EXTENSIONS what it takes to have it in every node. Pure.

PostgreSQL's own contrib modules need no word, they are in every image. What a script does where (schema, relocatable,
trusted, required) is in the extension's own control file, and the server is asked for it.
"""

from collections.abc import Mapping
from dataclasses import dataclass, field

MAJOR = 18
NEXT_MAJOR = MAJOR + 1
_LOGICAL = {"wal_level": "logical"}
_WORKERS = {"max_worker_processes": "24"}


@dataclass(frozen=True, slots=True, kw_only=True)
class Extension:
    """One word: a package of the archive, what it brings, and what the server needs for that.

    ``package`` has a place for the major version. ``names`` are those of CREATE EXTENSION; an output plugin has none.
    ``schema`` is made for one that may be anywhere and that its manual has there; ``open_schemas`` are those in which
    the owner of the database needs USAGE, ``open_tables`` in which also the tables and functions. ``one_database``:
    the parameter that names the only database in which it works.
    """

    word: str
    package: str
    names: tuple[str, ...] = ()
    preload: tuple[str, ...] = ()
    parameters: Mapping[str, str] = field(default_factory=dict)
    plugins: tuple[str, ...] = ()
    schema: str = ""
    open_schemas: tuple[str, ...] = ()
    open_tables: tuple[str, ...] = ()
    one_database: str = ""
    note: str = ""

    def package_of(self, major: int = MAJOR) -> str:
        """Its package for a major version."""
        return self.package.format(major=major)


def _made(word: str, package: str, *names: str, **more: object) -> Extension:
    return Extension(word=word, package="postgresql-{major}-" + package, names=names, **more)  # type: ignore[arg-type]


CATALOGUE: Mapping[str, Extension] = {
    each.word: each
    for each in (
        _made("age", "age", "age", preload=("age",), open_schemas=("ag_catalog",), note="graphs (Cypher)"),
        _made("background", "pg-background", "pg_background", parameters=_WORKERS, note="SQL in a background worker"),
        _made(
            "cron",
            "cron",
            "pg_cron",
            preload=("pg_cron",),
            # without a password for itself it cannot log in as clients do
            parameters={"cron.use_background_workers": "on", **_WORKERS},
            open_schemas=("cron",),
            one_database="cron.database_name",
            note="jobs at given times; in one database, on the primary alone, never in copies and drills",
        ),
        _made(
            "decoderbufs",
            "decoderbufs",
            parameters=_LOGICAL,
            plugins=("decoderbufs",),
            note="output plugin of logical decoding, for Debezium",
        ),
        _made("h3", "h3", "h3", "h3_postgis", note="hexagonal grid; h3_postgis wants postgis_raster"),
        _made(
            "hint_plan", "pg-hint-plan", "pg_hint_plan", preload=("pg_hint_plan",), open_schemas=("hint_plan",),
            note="hints for the planner, in comments",
        ),
        _made("hll", "hll", "hll", note="distinct counts (HyperLogLog)"),
        _made("http", "http", "http", note="HTTP requests from SQL; nodes reach out with PODS_NODE_EGRESS=on alone"),
        _made("hypopg", "hypopg", "hypopg", note="hypothetical indexes"),
        _made("icu_ext", "icu-ext", "icu_ext", note="functions of ICU"),
        _made("ip4r", "ip4r", "ip4r", note="ranges of addresses, indexed"),
        _made("ivm", "pg-ivm", "pg_ivm", preload=("pg_ivm",), note="materialized views that follow their tables"),
        _made("jsquery", "jsquery", "jsquery", note="queries of jsonb, indexed"),
        _made("mysql_fdw", "mysql-fdw", "mysql_fdw", note="tables of MySQL; wants PODS_NODE_EGRESS=on"),
        _made("ogr_fdw", "ogr-fdw", "ogr_fdw", note="tables of what GDAL reads"),
        _made("orafce", "orafce", "orafce", note="functions of Oracle"),
        _made(
            "partman",
            "partman",
            "pg_partman",
            schema="partman",
            open_schemas=("partman",),
            open_tables=("partman",),
            note="partitions by time and number; no background worker: let cron call run_maintenance_proc()",
        ),
        _made("permissions", "pg-permissions", "pg_permissions", note="who may what, as a view"),
        _made("pgaudit", "pgaudit", "pgaudit", preload=("pgaudit",), note="audit log, as pgaudit.log says"),
        _made("pgrouting", "pgrouting", "pgrouting", note="routes in a network; wants postgis"),
        _made("pgtap", "pgtap", "pgtap", note="unit tests in SQL"),
        _made("pgvector", "pgvector", "vector", note="vectors and their nearest neighbours"),
        Extension(
            word="plperl", package="postgresql-plperl-{major}",
            names=("plperl", "plperlu", "bool_plperl", "bool_plperlu", "hstore_plperl", "hstore_plperlu",
                   "jsonb_plperl", "jsonb_plperlu"),
            note="functions in Perl",
        ),
        _made("plpgsql_check", "plpgsql-check", "plpgsql_check", note="finds mistakes in PL/pgSQL"),
        Extension(
            word="plpython", package="postgresql-plpython3-{major}",
            names=("plpython3u", "hstore_plpython3u", "jsonb_plpython3u", "ltree_plpython3u"),
            note="functions in Python, which only a superuser may make",
        ),
        Extension(
            word="pltcl", package="postgresql-pltcl-{major}", names=("pltcl", "pltclu"), note="functions in Tcl"
        ),
        _made("pointcloud", "pointcloud", "pointcloud", "pointcloud_postgis", note="LIDAR data"),
        _made(
            "postgis", "postgis-3", "postgis", "postgis_raster", "postgis_sfcgal", "postgis_topology",
            "postgis_tiger_geocoder", "address_standardizer", "address_standardizer_data_us",
            open_schemas=("topology", "tiger"), note="geography; the image grows by some 400 MB (GDAL)",
        ),
        _made("prefix", "prefix", "prefix", note="prefixes of telephone numbers, indexed"),
        _made("q3c", "q3c", "q3c", note="the sky, indexed"),
        _made("qualstats", "pg-qualstats", "pg_qualstats", preload=("pg_qualstats",), note="statistics of predicates"),
        _made("rational", "rational", "pg_rational", note="fractions"),
        _made(
            "repack", "repack", "pg_repack", open_schemas=("repack",),
            note="rewrites bloated tables without long locks; the program pg_repack is in the image",
        ),
        _made("roaringbitmap", "roaringbitmap", "roaringbitmap", note="compressed bitmaps"),
        _made("rum", "rum", "rum", note="full text indexed with positions"),
        _made("semver", "semver", "semver", note="semantic versions"),
        _made("show_plans", "show-plans", "pg_show_plans", preload=("pg_show_plans",), note="plans of what runs now"),
        _made("similarity", "similarity", "pg_similarity", note="similarity of texts"),
        _made(
            "squeeze", "squeeze", "pg_squeeze", preload=("pg_squeeze",), parameters={**_LOGICAL, **_WORKERS},
            open_schemas=("squeeze",), note="rewrites bloated tables by itself; its worker does not start by itself",
        ),
        _made(
            "stat_kcache", "pg-stat-kcache", "pg_stat_kcache", preload=("pg_stat_kcache",),
            note="processor and disk time of statements",
        ),
        _made("tdigest", "tdigest", "tdigest", note="quantiles of streams"),
        _made("tds_fdw", "tds-fdw", "tds_fdw", note="tables of SQL Server and Sybase; wants PODS_NODE_EGRESS=on"),
        _made("textsearch", "pg-textsearch", "pg_textsearch", preload=("pg_textsearch",), note="ranked text (BM25)"),
        _made(
            "timescaledb", "timescaledb", "timescaledb", preload=("timescaledb",),
            parameters={"timescaledb.telemetry_level": "off", "timescaledb.max_background_workers": "8", **_WORKERS},
            note="time series. Debian has the Apache edition: no compression, no continuous aggregates, no jobs and "
            "policies, no gap filling",
        ),
        _made("unit", "unit", "unit", note="units of measurement"),
        _made(
            "wait_sampling", "pg-wait-sampling", "pg_wait_sampling", preload=("pg_wait_sampling",),
            note="what backends wait for, sampled",
        ),
        _made(
            "wal2json", "wal2json", parameters=_LOGICAL, plugins=("wal2json",),
            note="output plugin of logical decoding, in JSON",
        ),
    )
}  # fmt: skip
"""Every word, in alphabetical order."""
_CONTRIB = """
    amcheck autoinc bloom btree_gin btree_gist citext cube dblink dict_int dict_xsyn earthdistance file_fdw
    fuzzystrmatch hstore insert_username intagg intarray isn ltree moddatetime pageinspect pg_buffercache
    pg_freespacemap pg_logicalinspect pg_prewarm pg_stat_statements pg_surgery pg_trgm pg_visibility
    pg_walinspect pgcrypto pgrowlocks pgstattuple plpgsql postgres_fdw refint seg sslinfo tablefunc tcn
    tsm_system_rows tsm_system_time unaccent uuid-ossp xml2
"""
CONTRIB = frozenset(_CONTRIB.split())
"""PostgreSQL's own, which every image has."""
