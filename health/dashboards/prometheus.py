"""The client of the cluster's Prometheus: its HTTP API, spoken by a few threads that keep their connections."""

import json
import socket
import ssl
import threading
import time
from collections.abc import Mapping
from dataclasses import replace
from http.client import HTTPConnection, HTTPException, HTTPResponse
from typing import Any, Literal
from urllib.parse import quote, urlencode

from cluster.config.mounted import MountedConfig
from cluster.errors import PodsError
from cluster.http.client import WebAccess, credentials, network_access, open_connection
from cluster.services import LISTENING
from cluster.waiting import Clock
from health.problem_details import ProblemDetails

SERVICE = "prometheus"
TIMEOUT = 8.0
"""Seconds that Prometheus may spend on one query; the connection waits a little longer."""
_MARGIN = 2.0
MOST_BYTES = 8 << 20
"""Of one answer: 100 series of 600 points are 2 MB."""
_PAUSE = 2.0
"""Seconds after a failed connection in which no other is tried: a page has dozens of panels."""
_LONGEST = 300
"""Characters of an error that Prometheus words."""
Arguments = Mapping[str, str]
Address = tuple[str, int]


class Prometheus:
    """Queries of the Prometheus that watches the cluster; each thread that uses it has a connection of its own."""

    def __init__(
        self,
        config: MountedConfig,
        *,
        address: Address = (SERVICE, LISTENING[SERVICE]),
        timeout: float = TIMEOUT,
        clock: Clock = time.monotonic,
    ) -> None:
        self._config, self._address, self._timeout, self._clock = config, address, timeout, clock
        self._kept = threading.local()
        self._failure: tuple[float, str] | None = None

    def query(self, expr: str, moment: float, limit: int) -> list[dict[str, Any]]:
        """The series of ``expr`` at a moment (Unix time), ``limit`` of them at most.

        Raises:
            ProblemDetails: 502 or 504, it did not answer; says why.
        """
        data = self._call("POST", "query", {"query": expr, "time": str(moment), **self._bounds(limit)})
        return _result(data, "vector")

    def query_range(self, expr: str, times: range, limit: int) -> list[dict[str, Any]]:
        """The same over time."""
        span = {"start": str(times.start), "end": str(times.stop - 1), "step": str(times.step)}
        return _result(self._call("POST", "query_range", {"query": expr, **span, **self._bounds(limit)}), "matrix")

    def label_values(self, label: str, selector: str, start: int, end: int) -> list[str]:
        """The values of a label among the series of a selector, of any time in between."""
        arguments = {"match[]": selector, "start": str(start), "end": str(end)}
        found = self._call("GET", f"label/{quote(label, safe='')}/values", arguments)
        return [str(value) for value in found] if isinstance(found, list) else []

    def _bounds(self, limit: int) -> Arguments:
        return {"timeout": f"{self._timeout:g}s", "limit": str(limit)}

    def _call(self, method: Literal["GET", "POST"], name: str, arguments: Arguments) -> Any:
        failed, text = self._failure or (float("-inf"), "")
        if self._clock() - failed < _PAUSE:
            raise ProblemDetails(502, text)
        try:
            status, body = self._exchange(method, f"/api/v1/{name}", urlencode(arguments, errors="replace").encode())
        except TimeoutError:
            raise ProblemDetails(504, f"Prometheus did not answer within {self._timeout + _MARGIN:g} s") from None
        except (OSError, HTTPException) as error:
            text = f"Prometheus cannot be reached: {_reason(error)}; inv status says more"
            self._failure = (self._clock(), text)
            raise ProblemDetails(502, text) from None
        except PodsError as error:
            raise ProblemDetails(502, str(error)) from None
        self._failure = None
        return _data(status, body)

    def _exchange(self, method: str, path: str, arguments: bytes) -> tuple[int, bytes]:
        """One request. A kept connection may have been closed meanwhile: then once more, on a new one."""
        kept: HTTPConnection | None = getattr(self._kept, "connection", None)
        if kept is not None:
            try:
                return self._send(kept, method, path, arguments)
            except TimeoutError:
                raise
            except (OSError, HTTPException):
                kept.close()
        self._kept.connection = open_connection(self._access())
        return self._send(self._kept.connection, method, path, arguments)

    def _send(self, connection: HTTPConnection, method: str, path: str, arguments: bytes) -> tuple[int, bytes]:
        try:
            if method == "GET":
                connection.request(method, f"{path}?{arguments.decode()}", headers=credentials(self._access()))
            else:
                kind = {"Content-Type": "application/x-www-form-urlencoded"}
                connection.request(method, path, arguments, credentials(self._access()) | kind)
            response = connection.getresponse()
            return response.status, _read(response)
        except BaseException:
            connection.close()
            self._kept.connection = None
            raise

    def _access(self) -> WebAccess:
        config, (host, port) = self._config.read(), self._address
        access = network_access(config.settings, SERVICE, config.secret(SERVICE), config.ca)
        return replace(access, host=host, port=port, timeout=self._timeout + _MARGIN)


def _read(response: HTTPResponse) -> bytes:
    body = response.read(MOST_BYTES + 1)
    if len(body) > MOST_BYTES:
        raise ProblemDetails(502, f"Prometheus answers with more than {MOST_BYTES >> 20} MB; choose less")
    return body


def _reason(error: Exception) -> str:
    if isinstance(error, socket.gaierror):
        return f"there is no {SERVICE} in the network"
    if isinstance(error, ssl.SSLError):
        return getattr(error, "verify_message", "") or str(error.reason or "TLS failed")
    return getattr(error, "strerror", None) or str(error) or type(error).__name__


def _data(status: int, body: bytes) -> Any:
    """What an answer holds; what is refused, as a problem of one line."""
    if status in (401, 403):
        raise ProblemDetails(502, "Prometheus refuses the password in secrets/prometheus_password; run: inv up")
    try:
        answer = json.loads(body)
        if answer["status"] == "success":
            return answer["data"]
        kind, text = str(answer.get("errorType")), " ".join(str(answer.get("error")).split())[:_LONGEST]
    except (ValueError, KeyError, TypeError, AttributeError):
        raise ProblemDetails(502, f"Prometheus answers with {status} and no JSON of its own") from None
    raise ProblemDetails(504 if kind in ("timeout", "canceled") else 502, f"Prometheus: {text}")


def _result(data: Any, kind: str) -> list[dict[str, Any]]:
    if not isinstance(data, dict) or data.get("resultType") != kind:
        raise ProblemDetails(502, f"Prometheus answers with something else than a {kind}")
    found: list[dict[str, Any]] = data["result"]
    return found
