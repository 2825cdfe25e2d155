"""Parameters of PostgreSQL by what they are to the cluster."""

RENDERED = frozenset(
    {
        "cluster_name",
        "fsync",
        "full_page_writes",
        "hot_standby",
        "listen_addresses",
        "log_destination",
        "logging_collector",
        "password_encryption",
        "port",
        "primary_conninfo",
        "primary_slot_name",
        "ssl",
        "ssl_ca_file",
        "ssl_cert_file",
        "ssl_key_file",
        "summarize_wal",
        "synchronous_standby_names",
        "unix_socket_directories",
    }
)
"""What the cluster stands on: rendered last, so that the user's own file cannot change it."""
