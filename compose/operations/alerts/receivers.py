"""Who gets alerts: whether that is possible, and which of the two places where it may stand decides."""

from cluster.config.settings import Settings
from compose.home import alert_secrets
from compose.home.paths import Home
from compose.render.alertmanager_yml import RECEIVERS

OWN = f"config/{RECEIVERS}"


def has_own_file(home: Home) -> bool:
    """Whether the user wrote a whole configuration for Alertmanager, which is then used as it is."""
    return (home.user_config / RECEIVERS).exists()


def check_receivers(home: Home, settings: Settings) -> str:
    """Refuse receivers that nothing could be sent to; a line where what was set has no effect, or "".

    Raises:
        RefusedError: a file in secrets/alerts/ is missing or holds something else.
    """
    wanted = [
        *(["PODS_ALERT_TO"] if settings.alert_to else []),
        *(["PODS_ALERT_WATCHDOG"] if settings.alert_watchdog == "on" else []),
    ]
    if wanted and settings.monitoring == "off":
        return f"{' and '.join(wanted)} without effect: PODS_MONITORING is off, and nobody looks for alerts"
    if has_own_file(home):
        return f"{OWN} decides who gets alerts: {' and '.join(wanted)} without effect" if wanted else ""
    alert_secrets.check(home, settings)
    return ""
