#!/bin/sh
# PODS: `./pods.sh ANYTHING` is `inv ANYTHING` in the project's own .venv, made here from hashed requirements on first
# use and made again when they change. Its short forms (list, add NAME, logs NAME, help …) are in compose/commands/verbs.py.
set -eu

self=$0
while [ -h "$self" ]; do # a link to it, from some bin/ say
    target=$(readlink -- "$self")
    case $target in /*) self=$target ;; *) self=${self%/*}/$target ;; esac
done
case $self in */*) here=${self%/*}/ ;; *) here=. ;; esac
here=$(CDPATH='' cd -- "$here" && pwd)
venv=$here/.venv

say() { echo "$@" >&2; }

# Without it nothing below works, and all of it would look like a missing Python.
if ! [ -c /dev/null ] || ! [ -w /dev/null ]; then
    say "✗ /dev/null is not the device that everybody can write to: $(ls -ld /dev/null)"
    say "  → as root: rm -f /dev/null && mknod -m 666 /dev/null c 1 3"
    exit 4
fi

installing() {
    for word in "$@"; do [ "$word" != --install-engine ] || return 0; done
    return 1
}

# Debian keeps venv and pip apart from Python. Installed only where installing was asked for.
find_python() {
    for python in python3.13 python3.12 python3.11 python3; do
        if command -v "$python" > /dev/null && "$python" -c 'import ensurepip, sys, venv; sys.exit(sys.version_info < (3, 11))' 2> /dev/null; then
            return 0
        fi
    done
    return 1
}

require_python() {
    find_python && return 0
    if installing "$@" && [ "$(id -u)" = 0 ] && command -v apt-get > /dev/null; then
        say "→ Installing Python and venv"
        { apt-get -q update && DEBIAN_FRONTEND=noninteractive apt-get -qq install --yes --no-install-recommends python3 python3-venv; } >&2
        find_python && return 0
    fi
    say "✗ PODS needs Python 3.11 or newer with venv"
    say "  → apt-get install python3-venv, or run ./pods.sh up --install-engine as root"
    exit 4
}

case $here in *:*)
    say "✗ PODS lies in $here, and a path with a colon cannot hold Python programs: it parts the directories of PATH"
    say "  → move it to a path without one; its home (PODS_HOME) may have any name"
    exit 4
    ;;
esac

# A venv is good when it was finished, from these very requirements.
requirements=$here/requirements/run.txt
wanted=$(cksum < "$requirements")
made=
[ ! -r "$venv/.made-from" ] || read -r made < "$venv/.made-from" || :
if [ "$made" != "$wanted" ]; then
    [ "${1:-}" != --complete ] || exit 0 # TAB installs nothing
    require_python "$@"
    say "→ Making .venv from requirements/run.txt (once; about ten seconds)"
    rm -f "$venv/.made-from"
    "$python" -m venv --clear "$venv"
    "$venv/bin/python" -m pip install -qq --disable-pip-version-check --require-hashes -r "$requirements" >&2
    echo "$wanted" > "$venv/.made-from"
fi

# Compiled modules are kept (git ignores them); without them every command starts slower.
unset PYTHONDONTWRITEBYTECODE
PATH=$venv/bin:$PATH
export PATH VIRTUAL_ENV="$venv"
# -P: modules come from this folder, whatever the current one holds.
exec "$venv/bin/python" -P -c 'import sys; sys.path.insert(0, sys.argv.pop(1)); from compose.commands.entry import main; main(sys.argv.pop(1))' \
    "$here" "$0" "$@"
