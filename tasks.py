"""The map of every command. `inv` acts on the cluster, `nox` acts on the code.

up down restart          the cluster as a whole
status history logs      look at it
insight                  what hurts: statements, waits, tables, indexes
psql connect doctor      talk to it, what to paste, find what will hurt
replica.*                replicas
database.* role.*        databases and roles: declared, listed, rotated, dropped
config.*                 settings and generated files
certs.*                  certificates
pool.*                   PgBouncer's server connections
extension.*              extensions: what there is, where it is used
hosts.*                  more than one Docker host, and out to Kubernetes
images.*                 how old the images are, updates
alerts.*                 what fires, silences, a test alert
backup.*                 backups, restores
test                     every quality gate
"""

from invoke.collection import Collection

from compose.commands import (
    alerts,
    backup,
    certs,
    cluster,
    config,
    database,
    extension,
    hosts,
    images,
    inspect,
    pool,
    replica,
    role,
    test,
)

ns = Collection(
    cluster.up,
    cluster.down,
    cluster.restart,
    cluster.switchover,
    cluster.failover,
    inspect.status,
    inspect.insight,
    inspect.history,
    inspect.logs,
    inspect.psql,
    inspect.connect,
    inspect.doctor,
    test.test,
    Collection("replica", replica.list_, replica.add, replica.remove, replica.reclone, replica.pool, replica.sync),
    Collection("database", database.list_, database.add, database.drop),
    Collection("role", role.list_, role.add, role.drop, role.rotate),
    Collection("config", config.check, config.render, config.apply),
    Collection("certs", certs.renew),
    Collection("pool", pool.reconnect),
    Collection("extension", extension.list_, extension.update),
    Collection(
        "hosts",
        hosts.check,
        hosts.add,
        hosts.remove,
        hosts.move,
        hosts.sync,
        hosts.prepare,
        hosts.unprepare,
        hosts.switch,
        hosts.back,
        hosts.status,
        hosts.export,
    ),
    Collection("images", images.check, images.update),
    Collection("alerts", alerts.list_, alerts.silence, alerts.unsilence, alerts.test_),
    Collection(
        "backup",
        backup.now,
        backup.list_,
        backup.windows,
        backup.restore,
        backup.discard,
        backup.verify,
        backup.drill,
        backup.prune,
        backup.show,
        backup.hold,
        backup.release,
        backup.delete,
        backup.adopt,
    ),
)
