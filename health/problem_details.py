"""What went wrong with a request, as RFC 9457 asks for it: application/problem+json."""

from starlette.responses import Response

from cluster.http.hosts import PROBLEM_JSON, problem_body


class ProblemDetails(Exception):  # noqa: N818 - the name the standard gives it
    """A status and, in words, what is the matter and what to do."""

    def __init__(self, status: int, detail: str, headers: tuple[tuple[str, str], ...] = ()) -> None:
        super().__init__(status, detail)
        self.status, self.detail, self.headers = status, detail, headers

    @property
    def body(self) -> bytes:
        """The JSON document."""
        return problem_body(self.status, self.detail)


def problem_response(problem: ProblemDetails) -> Response:
    """A refusal as application/problem+json."""
    response = Response(problem.body, problem.status, {"Cache-Control": "no-store"}, PROBLEM_JSON)
    for name, value in problem.headers:
        response.headers.append(name, value)
    return response
