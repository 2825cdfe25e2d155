"""Addresses that nodes and HAProxy have among themselves, beside those that Docker gives them. Pure.

They are known before there is any network, the same in every cluster, and no client has one: so pg_hba.conf can tell
who comes through PODS_PRIMARY_PORT.
"""

LINK_LOCAL = "169.254.0.0/16"
PROXY_ADDRESS = "169.254.63.1"


def node_address(ordinal: int) -> str:
    """The address at which HAProxy finds a node."""
    return f"169.254.{64 + ordinal // 256}.{ordinal % 256}"
