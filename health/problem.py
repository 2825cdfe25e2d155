"""What went wrong with a request, as RFC 9457 asks for it: application/problem+json."""

import json
from dataclasses import dataclass
from http import HTTPStatus

from starlette.responses import Response

CONTENT_TYPE = "application/problem+json"


@dataclass(frozen=True, slots=True)
class Problem(Exception):  # noqa: N818 - the name the standard gives it
    """A status and, in words, what is the matter and what to do."""

    status: int
    detail: str
    headers: tuple[tuple[str, str], ...] = ()

    @property
    def body(self) -> bytes:
        """The JSON document."""
        title = HTTPStatus(self.status).phrase
        told = {"type": "about:blank", "title": title, "status": self.status, "detail": self.detail}
        return json.dumps(told).encode()


def problem_response(problem: Problem) -> Response:
    """A refusal as application/problem+json."""
    response = Response(problem.body, problem.status, {"Cache-Control": "no-store"}, CONTENT_TYPE)
    for name, value in problem.headers:
        response.headers.append(name, value)
    return response
