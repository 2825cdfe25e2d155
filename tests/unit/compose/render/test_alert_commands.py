"""The first command of each runbook: there is one, it only looks, and every rule carries it."""

import re

import pytest
import yaml

from compose.render.alert_commands import first_commands, with_commands
from compose.render.monitoring import RULES as FILES
from compose.render.monitoring import monitoring_files
from tests.fix_settings import settings_of, topology_of
from tests.unit.dashboards.alert_rules import RULES

COMMANDS = first_commands()
RULE = "      - alert: PodsX\n        expr: up\n        annotations:\n          runbook_url: x\n"
_LOOKS = re.compile(
    r"inv (status|history|insight|doctor|logs|psql)\b"
    r"|inv (database\.list|hosts\.status|images\.check|config\.check|backup\.(list|windows|drill))\b"
    r"|docker (ps|logs|inspect|stats --no-stream)\b|du -sh |curl -su "
)
_CHANGES = re.compile(r"\b(ALTER|DROP|VACUUM|UPDATE|DELETE|COMMIT|ROLLBACK|pg_terminate_backend|pg_cancel_backend)\b")


@pytest.mark.parametrize("name", sorted({rule.name for rule in RULES}))
def test_a_runbook_s_first_command_is_there_and_only_looks(name: str) -> None:
    """Somebody copies it in the middle of the night."""
    assert _LOOKS.match(COMMANDS[name]), COMMANDS.get(name)
    assert not _CHANGES.search(COMMANDS[name])


def test_every_rule_carries_the_command_of_its_runbook() -> None:
    settings = settings_of()
    files = monitoring_files(settings, topology_of(settings), "")
    groups = [group for name in FILES for group in yaml.safe_load(files[f"rendered/prometheus/rules/{name}"])["groups"]]
    found = [rule for group in groups for rule in group["rules"] if rule.get("alert") in COMMANDS]
    assert len(found) == len(RULES)
    for rule in found:
        assert _without_names(rule["annotations"]["command"]) == _without_names(COMMANDS[rule["alert"]])


def _without_names(command: str) -> str:
    """A runbook has examples where a rule has the node or container that it is about."""
    return re.sub(r"\{\{ \$labels\.\w+ \}\}|\b(primary|replica1|NAME)\b", "X", command.replace('{{ "{{" }}', "{{"))


OF_A_NODE = '{ node: "{{ $labels.instance }}" }'


@pytest.mark.parametrize(
    ("labels", "command", "shown"),
    [
        (OF_A_NODE, "inv logs --service replica1", "inv logs --service {{ $labels.instance }}"),
        (OF_A_NODE, "inv logs --service gate", "inv logs --service gate"),
        ("{ severity: info }", "inv logs --service primary", "inv logs --service primary"),
        ("{ severity: info }", "docker ps --format '{{.ID}}'", "docker ps --format '{{ \"{{\" }}.ID}}'"),
    ],
)
def test_a_command_is_about_the_node_that_the_alert_is_about(labels: str, command: str, shown: str) -> None:
    rule = RULE.replace("expr: up\n", f"expr: up\n        labels: {labels}\n")
    made = yaml.safe_load(with_commands(rule, {"PodsX": command}))[0]
    assert made["annotations"] == {"runbook_url": "x", "command": shown}


def test_a_rule_without_a_runbook_stays_as_it_is() -> None:
    assert with_commands(RULE, {}) == RULE
