"""What a query may say of a span and of a database: the document and the routes read it here."""

from collections.abc import Mapping

from health.problem_details import ProblemDetails

MOMENT = "^[0-9]{1,10}([.][0-9]{1,6})?$"
"""Unix seconds, or seconds ago."""
LONGEST_DATABASE = 63
"""Characters of a database's name; PostgreSQL's own limit is as many bytes."""


def database_of(values: Mapping[str, str]) -> str:
    """The database that a query names, "" where it names none.

    Raises:
        ProblemDetails: no database has a name that long.
    """
    database = values.get("database", "")
    if len(database) > LONGEST_DATABASE:
        raise ProblemDetails(400, f"database is longer than the {LONGEST_DATABASE} characters of a name")
    return database
