#!/bin/sh
# The replica on this host goes on as a primary of its own: for when the machine that has the primary is lost for good.
#
#   sudo sh rendered/promote-replica.sh                      what it has, and whether it may be done; changes nothing
#   sudo sh rendered/promote-replica.sh --primary-is-lost    do it
#
# From here nobody can know that the other machine is lost, and not only cut off: a primary that runs on takes writes of
# its own, and nobody can join the two again. So see to it first that it is off, and stays off.
set -eu

cd "$(dirname "$0")"
. ./promote-replica.conf # CONTAINER, NODE, PRIMARY_PORT
FILES=nodes/$NODE
PGDATA=/var/lib/postgresql/18/docker

refuse() {
    echo "promote-replica: $1" >&2
    exit 2
}

inside() {
    docker exec --env PGPASSFILE=/run/pods/pgpass "$CONTAINER" "$@"
}

ask() {
    inside psql -XAtq --no-password -c "$1" "host=/var/run/postgresql user=monitor dbname=postgres application_name=promote"
}

[ "${1:-}" = "" ] || [ "$1" = --primary-is-lost ] || refuse "$1 is not known; see the first lines of $0"
[ "$(docker inspect --format '{{.State.Running}}' "$CONTAINER" 2> /dev/null)" = true ] || refuse "$CONTAINER does not run: docker start $CONTAINER"
[ "$(ask "SELECT pg_catalog.pg_is_in_recovery()")" = t ] || refuse "$NODE takes writes already"
if inside pg_isready --quiet --timeout=5 --host=haproxy --port="$PRIMARY_PORT"; then
    refuse "the primary answers: nothing is lost. If it is to end, stop it there first"
fi

echo "$NODE has WAL up to $(ask "SELECT pg_catalog.pg_last_wal_replay_lsn()");" \
    "its newest transaction was committed at $(ask "SELECT coalesce(pg_catalog.pg_last_xact_replay_timestamp()::text, '(unknown)')")." \
    "The primary does not answer."
if [ "${1:-}" != --primary-is-lost ]; then
    echo "Nothing was changed. If that machine is off, and stays off: sudo sh $0 --primary-is-lost"
    exit 0
fi

# What a restart of the container goes by, first: from here on it is nobody's replica. Nobody is left to wait for either.
sed -e "s/^primary_conninfo = .*/primary_conninfo = ''/" -e "s/^primary_slot_name = .*/primary_slot_name = ''/" \
    -e "s/^synchronous_standby_names = .*/synchronous_standby_names = ''/" $FILES/postgresql.conf > $FILES/postgresql.conf.new
mv $FILES/postgresql.conf.new $FILES/postgresql.conf
echo promoting > $FILES/role.new
mv $FILES/role.new $FILES/role
docker kill --signal HUP "$CONTAINER" > /dev/null
inside pg_ctl promote --wait --timeout=60 --silent --pgdata=$PGDATA
echo primary > $FILES/role.new
mv $FILES/role.new $FILES/role
[ "$(ask "SELECT pg_catalog.pg_is_in_recovery()")" = f ] || refuse "$NODE was told to, and does not take writes: docker logs $CONTAINER"
echo "$NODE takes writes. What else there is to do: docs/how-to/second-host.md"
