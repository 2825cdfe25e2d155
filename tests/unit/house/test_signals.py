"""Nobody signals a container through the engine but to end it: the engine would not start it again by itself then."""

import ast

from cluster.config.env_file import PROJECT_ROOT

PACKAGES = ("backup", "cluster", "compose", "exporters", "guide", "health")


def _engine_kills(text: str) -> list[int]:
    """Lines that call an engine's `kill` with a signal."""
    calls = (node for node in ast.walk(ast.parse(text)) if isinstance(node, ast.Call))
    return [
        call.lineno
        for call in calls
        if isinstance(call.func, ast.Attribute)
        and call.func.attr == "kill"
        and not (isinstance(call.func.value, ast.Name) and call.func.value.id == "os")
        and (len(call.args) > 1 or call.keywords)
    ]


def test_such_a_call_is_found() -> None:
    assert _engine_kills('client.api.kill(node.id, "HUP")\napi.kill(node, signal="USR1")\n') == [1, 2]
    assert _engine_kills("api.kill(node)\nos.kill(pid, 9)\nprocess.kill()\n") == []


def test_signals_that_do_not_end_a_container_are_sent_from_within() -> None:
    found = [
        f"{path.relative_to(PROJECT_ROOT)}:{line}"
        for package in PACKAGES
        for path in (PROJECT_ROOT / package).rglob("*.py")
        for line in _engine_kills(path.read_text(encoding="utf-8"))
    ]
    assert found == [], "compose.engine.containers.send_signal does it"
