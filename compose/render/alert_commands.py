"""What to type first about an alert: the first command of its runbook, as an annotation of its rule. Pure.

So that list, page and message show the same, and none of them has a table of its own.
"""

import json
import re
from collections.abc import Mapping

from compose.render.runbooks import RUNBOOKS

PROGRAMS = ("inv", "docker", "du", "curl")
"""What a command begins with; other code in a runbook is a name, a setting or SQL."""
_SECTION = re.compile(r"^## (\w+)\n(.*?)(?=^## |\Z)", re.MULTILINE | re.DOTALL)
_CODE = re.compile(r"`([^`\n]+)`")
_RULE = re.compile(r"^ {6}- alert: (\w+)\n(?: {8}.*\n|\n)*", re.MULTILINE)
_RUNBOOK = re.compile(r"^( +)runbook_url: .*\n", re.MULTILINE)
_NODE = re.compile(r"(--(?:node|service)) (?:primary|replica1)\b")
_CONTAINER = re.compile(r"\bNAME\b")


def first_commands() -> dict[str, str]:
    """Of each alert that has a runbook, as it stands there, with example names."""
    texts = [path.read_text(encoding="utf-8") for path in sorted(RUNBOOKS.glob("*.md"))]
    found = {name: _first(body) for text in texts for name, body in _SECTION.findall(text)}
    return {name: command for name, command in found.items() if command}


def _first(section: str) -> str:
    """Behind "Look": before it are causes, such as a command that somebody ran."""
    _, _, looking = section.partition("**Look.**")
    return next((code for code in _CODE.findall(looking) if code.partition(" ")[0] in PROGRAMS), "")


def with_commands(rules: str, commands: Mapping[str, str]) -> str:
    """Alert rules, each with an annotation ``command`` behind its runbook's address."""
    return _RULE.sub(lambda rule: _with_command(rule[0], commands.get(rule[1], "")), rules)


def _with_command(rule: str, command: str) -> str:
    if not command:
        return rule
    text = json.dumps(_about(rule, command), ensure_ascii=False)
    return _RUNBOOK.sub(lambda line: f"{line[0]}{line[1]}command: {text}\n", rule)


def _about(rule: str, command: str) -> str:
    """The command as Prometheus' template: with the node or container that the alert is about."""
    shown = command.replace("{{", '{{ "{{" }}')
    if 'node: "{{ $labels.instance }}"' in rule:
        shown = _NODE.sub(r"\1 {{ $labels.instance }}", shown)
    return _CONTAINER.sub("{{ $labels.name }}", shown) if "$labels.name }}" in rule else shown
