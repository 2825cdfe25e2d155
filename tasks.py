"""The map of every command. `inv` acts on the cluster, `nox` acts on the code.

up down restart          the cluster as a whole
status history logs      look at it
psql doctor              talk to it, find what will hurt
replica.*                replicas
config.*                 settings and generated files
certs.*                  certificates
pool.*                   PgBouncer's server connections
images.*                 how old the images are, updates
backup.*                 backups, restores
test                     every quality gate
"""

from invoke.collection import Collection

from compose.commands import backup, certs, cluster, config, images, inspect, pool, replica, test

ns = Collection(
    cluster.up,
    cluster.down,
    cluster.restart,
    cluster.switchover,
    cluster.failover,
    inspect.status,
    inspect.history,
    inspect.logs,
    inspect.psql,
    inspect.doctor,
    test.test,
    Collection("replica", replica.list_, replica.add, replica.remove, replica.reclone, replica.pool, replica.sync),
    Collection("config", config.check, config.render, config.apply),
    Collection("certs", certs.renew),
    Collection("pool", pool.reconnect),
    Collection("images", images.check, images.update),
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
