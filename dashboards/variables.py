"""The choices at the top of the pages. Each page has those that its panels use."""

from dashboards.model import Variable

CLUSTER = Variable(
    name="cluster",
    label="Cluster",
    query="label_values(pg_up, cluster)",
    description="One PODS cluster: its project name.",
)
INSTANCE = Variable(
    name="instance",
    label="Node",
    query='label_values(pg_up{cluster="$cluster"}, instance)',
    description="PostgreSQL nodes, by the name they were born with.",
    many=True,
)
DATABASE = Variable(
    name="database",
    label="Database",
    query='label_values(pg_stat_database_numbackends{cluster="$cluster", datname!~"template[01]"}, datname)',
    description="Databases, templates left out; `other` is the sum of those without series of their own.",
    many=True,
)
SERVED = Variable(
    name="database",
    label="Database",
    query='label_values(pgbouncer_databases_pool_size{cluster="$cluster"}, database)',
    description="Databases that PgBouncer leads to.",
    many=True,
)
POOL = Variable(
    name="pool",
    label="Pool",
    # the pools of `other` are of no database
    query='label_values(pgbouncer_databases_pool_size{cluster="$cluster", database=~"$database|"}, name)',
    description="PgBouncer's pools of the chosen databases, by the name clients connect to.",
    many=True,
)
SERVICE = Variable(
    name="service",
    label="Service",
    query='label_values(container_start_time_seconds{cluster="$cluster"}, container_label_com_docker_compose_service)',
    description="Containers, by the name of their Compose service; a node's is the node's name.",
    many=True,
)
