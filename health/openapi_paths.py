"""The parts of the OpenAPI document that every path is made of."""

from collections.abc import Sequence

from health.json_schema import Schema, ref

TEXT: Schema = {"type": "string"}
Responses = dict[str, Schema]
_FILTERS = [
    {
        "name": "lag",
        "in": "query",
        "description": "the most a replica may be behind, in bytes or with a unit",
        "schema": {**TEXT, "pattern": "^[0-9]{1,15}(B|kB|MB|GB|TB)?$"},
        "example": "10MB",
    },
    {
        "name": "mode",
        "in": "query",
        "description": "lag of what was replayed (apply) or of what was received (write)",
        "schema": {"enum": ["apply", "write"]},
    },
    {
        "name": "replication_state",
        "in": "query",
        "description": "the state of its WAL receiver",
        "schema": {**TEXT, "pattern": "^[a-z ]{1,30}$"},
        "example": "streaming",
    },
]


def media(kind: str, schema: Schema) -> Schema:
    """A body of this kind."""
    return {kind: {"schema": schema}}


PROBLEM = media("application/problem+json", ref("Problem"))


def refusal(text: str) -> Schema:
    """What is said no to, and why."""
    return {"description": text, "content": PROBLEM}


def response(text: str, schema: str, *, also_problem: bool = False) -> Schema:
    """An answer of this type."""
    content = media("application/json", ref(schema))
    return {"description": text, "content": content | (PROBLEM if also_problem else {})}


def _operation(name: str, text: str, responses: Responses, parameters: Sequence[Schema]) -> Schema:
    described = {"operationId": name, "summary": text, "responses": responses}
    return {**described, "parameters": parameters} if parameters else described


def path_item(name: str, text: str, responses: Responses, *parameters: Schema, check: bool = False) -> Schema:
    """GET, and HEAD and OPTIONS with the same code and no body."""
    given = [*parameters, *(_FILTERS if check else [])]
    responses = {**responses, **({"400": refusal("the query is malformed")} if check else {})}
    responses = ({"404": refusal("there is no such node")} if parameters else {}) | responses
    responses |= {"401": refusal("a secret is asked for"), "421": refusal("not a name of this service")}
    bare = {code: {"description": response["description"]} for code, response in responses.items()}
    return {
        "get": _operation(name, text, responses, given),
        "head": _operation(f"{name}_head", text, bare, given),
        "options": _operation(f"{name}_options", text, bare, given),
    }
