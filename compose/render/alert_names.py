"""The alerts that PODS has rules for, read without a parser of YAML: TAB asks for them too. Pure but for the rules."""

import re
from collections.abc import Mapping

from cluster.config.env_file import PROJECT_ROOT

RULES = PROJECT_ROOT / "compose" / "prometheus"
FILES = ("alerts.yml", "backup_alerts.yml")
_RULE = re.compile(r"^ {6}- alert: (\w+)\n((?:(?! {6}- ).*\n)*)", re.MULTILINE)
_NODE = re.compile(r"\bnode: |\"node\"")


def alert_names() -> Mapping[str, bool]:
    """Each alert, and whether it can be about a node: whether it has that label."""
    found: dict[str, bool] = {}
    for text in (path.read_text(encoding="utf-8") for path in (RULES / name for name in FILES)):
        for name, rule in _RULE.findall(text):
            found[name] = found.get(name, False) or bool(_NODE.search(rule.partition("annotations:")[0]))
    return found
