"""The script that makes the secrets which manifests name, from the files of the cluster's home. Pure.

It holds none: passwords go from file to `kubectl` through a pipe, never onto a command line.
"""

import shlex

from cluster.config.settings import Settings
from compose.render.kubernetes.manifests import STREAMING_ROLE, kubernetes_name

_HEAD = """#!/bin/sh
# Made by `inv hosts.export`: makes the secrets that the manifests here name, from the files of the cluster's home.
#   ./secrets.sh HOME STREAMING_PASSWORD_FILE [kubectl options such as --namespace=db]
set -eu
home=${1:?the home of the cluster, in which secrets/ is}
streaming=${2:?a file with the password of the role streaming_replica}
shift 2

login() { # NAME USER FILE [kubectl options]: a secret of type basic-auth, as the operator reads it
    name=$1 user=$2 file=$3
    shift 3
    printf %s "$(cat "$file")" | kubectl create secret generic "$name" "$@" \\
        --type=kubernetes.io/basic-auth --from-literal=username="$user" --from-file=password=/dev/stdin
}
"""


def secrets_script(settings: Settings) -> str:
    """The text of secrets.sh."""
    name = kubernetes_name(settings.project)
    user = shlex.quote(settings.user)
    lines = [
        f'login {name}-app {user} "$home/secrets/app_password" "$@"',
        f'login {name}-streaming {STREAMING_ROLE} "$streaming" "$@"',
        f'kubectl create secret generic {name}-source-ca "$@" --from-file=ca.crt="$home/secrets/tls/ca.crt"',
    ]
    if settings.backup == "on" and settings.s3_bucket:
        lines.append(
            f'kubectl create secret generic {name}-s3 "$@" --from-file=ACCESS_KEY_ID="$home/secrets/s3_access_key" '
            '--from-file=ACCESS_SECRET_KEY="$home/secrets/s3_secret_key"'
        )
    if settings.s3_ca:
        lines.append(f'kubectl create secret generic {name}-s3-ca "$@" --from-file=ca.crt="$home/secrets/s3_ca"')
    return "\n".join([_HEAD, *lines]) + "\n"
