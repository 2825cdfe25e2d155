"""Where exporter and health listen: the address that published ports lead to is that of the default route."""

import socket
from pathlib import Path

from cluster.http.sockets import routed_address

_HEAD = "Iface\tDestination\tGateway\tFlags\tRefCnt\tUse\tMetric\tMask\tMTU\tWindow\tIRTT\n"


def test_it_is_the_interface_s_that_the_default_route_leaves_by(tmp_path: Path) -> None:
    routes = tmp_path / "route"
    routes.write_text(
        f"{_HEAD}none0\t000012AC\t00000000\t0001\t0\t0\t0\t0000FFFF\t0\t0\t0\n"
        "lo\t00000000\t010012AC\t0003\t0\t0\t0\t00000000\t0\t0\t0\n"
    )
    assert routed_address(routes) == "127.0.0.1"


def test_without_a_default_route_there_is_none(tmp_path: Path) -> None:
    routes = tmp_path / "route"
    routes.write_text(f"{_HEAD}lo\t000012AC\t00000000\t0001\t0\t0\t0\t0000FFFF\t0\t0\t0\n")
    assert routed_address(routes) == ""


def test_of_this_machine_it_is_one_that_it_has() -> None:
    found = routed_address()
    if found:
        with socket.socket(socket.AF_INET, socket.SOCK_STREAM) as own:
            own.bind((found, 0))
