"""The metrics of sessions, locks and transactions of one server."""

from exporters.declarations import Family, gauge

ACTIVITY = (
    Family(
        source="metrics_activity",
        rest=True,
        prefix="pg_stat_activity_",
        labels=("datname", "state", "usename", "application_name"),
        metrics=(
            gauge("count", "Sessions in this state."),
            gauge("max_tx_duration", "Age of the oldest transaction among them, in seconds.", rest="max"),
        ),
    ),
    Family(
        source="metrics_sessions",
        prefix="pods_activity_",
        metrics=(
            gauge("oldest_transaction_seconds", "Age of the oldest transaction of a client."),
            gauge("oldest_idle_in_transaction_seconds", "How long the laziest open transaction has done nothing."),
            gauge("blocked_backends", "Clients that wait for a lock."),
        ),
    ),
    Family(
        source="metrics_locks",
        rest=True,
        prefix="pg_locks_",
        labels=("datname", "mode"),
        metrics=(gauge("count", "Locks held or awaited."),),
    ),
)

TRANSACTIONS = (
    Family(
        source="metrics_horizon",
        prefix="pods_",
        labels=("held_by",),
        metrics=(gauge("xmin_age", "Transactions since the oldest whose rows are kept from vacuum; 0: none are."),),
    ),
    Family(
        source="metrics_transactions",
        prefix="pg_xid_",
        metrics=(
            gauge("current", "The next transaction id; of the primary, as upstream's."),
            gauge("xmin", "The oldest transaction that still runs."),
            gauge("xmin_age", "Transactions since that one began."),
        ),
    ),
    Family(
        source="metrics_transactions",
        prefix="pods_prepared_",
        metrics=(
            gauge("transactions", "Prepared transactions that nobody has committed or rolled back."),
            gauge("oldest_seconds", "Age of the oldest of them."),
        ),
    ),
)
