"""The metrics of PgBouncer, named as in pgbouncer_exporter 0.12 (``client_connections`` left out: it has no bound)."""

from exporters.declarations import Family, counter, gauge

POOLS = Family(
    source="pools",
    rest=True,
    prefix="pgbouncer_pools_",
    labels=("database", "user"),
    metrics=(
        gauge("client_active_connections", "Clients that have a server connection or wait for none."),
        gauge("client_waiting_connections", "Clients that wait for a server connection."),
        gauge("client_active_cancel_connections", "Clients whose cancel request was passed on."),
        gauge("client_waiting_cancel_connections", "Clients whose cancel request waits."),
        gauge("server_active_connections", "Server connections in use by a client."),
        gauge("server_active_cancel_connections", "Server connections that pass a cancel request on."),
        gauge("server_being_canceled_connections", "Server connections kept until their cancel requests are done."),
        gauge("server_idle_connections", "Server connections ready for use."),
        gauge("server_used_connections", "Server connections idle so long that they are checked before use."),
        gauge("server_testing_connections", "Server connections being checked."),
        gauge("server_login_connections", "Server connections logging in."),
        gauge("client_maxwait_seconds", "How long the first in the queue has waited.", rest="max"),
    ),
)
TOTALS = Family(
    source="totals",
    rest=True,
    prefix="pgbouncer_stats_totals_",
    labels=("database",),
    metrics=(
        counter("queries_pooled_total", "Queries."),
        counter("queries_duration_seconds_total", "Time that servers spent on queries."),
        counter("sql_transactions_pooled_total", "Transactions."),
        counter("server_in_transaction_seconds_total", "Time that servers spent in transactions."),
        counter("received_bytes_total", "Bytes from clients."),
        counter("sent_bytes_total", "Bytes to clients."),
        counter("client_wait_seconds_total", "Time that clients waited for a server connection."),
        counter("client_parses_total", "Prepared statements that clients made."),
        counter("server_parses_total", "Prepared statements made on servers."),
        counter("binds_total", "Prepared statements bound."),
        counter("server_assignments_total", "Times a server connection was given to a client."),
    ),
)
DATABASES = Family(
    source="databases",
    rest=True,
    prefix="pgbouncer_databases_",
    labels=("name", "host", "port", "database", "force_user", "pool_mode"),
    metrics=(
        gauge("pool_size", "Server connections the pool may have."),
        gauge("reserve_pool", "Server connections it may have beyond that."),
        gauge("max_connections", "Server connections its database may have."),
        gauge("current_connections", "Server connections it has."),
        gauge("paused", "1 while paused.", rest="max"),
        gauge("disabled", "1 while disabled.", rest="max"),
    ),
)
_LISTS = Family(
    source="lists",
    prefix="pgbouncer_",
    metrics=(
        gauge("databases", "Databases known."),
        gauge("users", "Users known."),
        gauge("pools", "Pools there are."),
        gauge("free_clients", "Client places allocated and free."),
        gauge("used_clients", "Clients connected."),
        gauge("login_clients", "Clients logging in."),
        gauge("free_servers", "Server places allocated and free."),
        gauge("used_servers", "Server connections."),
        gauge("cached_dns_names", "Names in the DNS cache."),
        gauge("cached_dns_zones", "Zones in the DNS cache."),
        gauge("in_flight_dns_queries", "DNS queries under way."),
    ),
)
_CONFIG = Family(
    source="config",
    prefix="pgbouncer_config_",
    metrics=(
        gauge("max_client_connections", "Clients that may connect."),
        gauge("max_user_connections", "Server connections a user may have; 0 is no limit."),
    ),
)
_VERSION = Family(
    source="version",
    prefix="pgbouncer_",
    labels=("version",),
    metrics=(gauge("version_info", "The version of PgBouncer; 1."),),
)

FAMILIES = (POOLS, TOTALS, DATABASES, _LISTS, _CONFIG, _VERSION)
