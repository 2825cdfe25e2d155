"""Settings of who gets alerts, and by which ways."""

from dataclasses import dataclass

from cluster.config.alert_receivers import MAILTO, AlertReceiver, alert_receivers, mail_address, receivers_of, relay
from cluster.config.declaration import ALERTS, setting
from cluster.config.monitoring_settings import MonitoringSettings
from cluster.config.validators import no_space, one_of
from cluster.errors import UsageError


@dataclass(frozen=True, slots=True, kw_only=True)
class AlertSettings(MonitoringSettings):
    """Secrets are files in secrets/alerts/."""

    alert_to: tuple[str, ...] = setting(
        "",
        alert_receivers,
        "Whom alerts go to: mailto:ADDRESS, slack, telegram:CHAT, discord, teams, ntfy:URL, webhook; with commas.",
        ALERTS,
    )
    alert_smtp: str = setting("", relay, "Mail server that takes the mails, HOST:PORT; 465 is TLS at once.", ALERTS)
    alert_from: str = setting("", mail_address, "Address that the mails come from.", ALERTS)
    alert_smtp_user: str = setting(
        "", no_space, "Login at the mail server; its password is the file secrets/alerts/smtp_password.", ALERTS
    )
    alert_smtp_tls: str = setting(
        "on",
        one_of("on", "off"),
        "Whether the mail server must speak TLS; off only without a login.",
        ALERTS,
    )
    alert_watchdog: str = setting(
        "off",
        one_of("on", "off"),
        "Whether the address in secrets/alerts/watchdog_url hears every five minutes that alerts are looked for.",
        ALERTS,
    )

    @property
    def alert_receivers(self) -> list[AlertReceiver]:
        """Whom alerts go to."""
        return receivers_of(self.alert_to)

    @property
    def alert_secrets(self) -> tuple[str, ...]:
        """Files in secrets/alerts/ that must be there."""
        needed = [name for receiver in self.alert_receivers for name in receiver.needs]
        needed += ["smtp_password"] if self.sends_mail and self.alert_smtp_user else []
        needed += ["watchdog_url"] if self.alert_watchdog == "on" else []
        return tuple(dict.fromkeys(needed))

    @property
    def sends_mail(self) -> bool:
        """Whether anybody gets a mail."""
        return any(receiver.kind == MAILTO for receiver in self.alert_receivers)


def check_alerts(settings: AlertSettings) -> None:
    """Refuse mails that cannot be sent, and a password that would go over the network for everybody to read.

    Raises:
        UsageError: names the setting that is missing or wrong.
    """
    if not settings.sends_mail:
        return
    for variable, text, example in (
        ("PODS_ALERT_SMTP", settings.alert_smtp, "smtp.example.com:587"),
        ("PODS_ALERT_FROM", settings.alert_from, "pods@example.com"),
    ):
        if not text:
            raise UsageError(f"PODS_ALERT_TO has a mailto, and {variable} is empty", f"set it: {variable}={example}")
    if settings.alert_smtp_user and settings.alert_smtp_tls == "off":
        raise UsageError(
            "PODS_ALERT_SMTP_TLS=off would send the password of PODS_ALERT_SMTP_USER in clear",
            "set PODS_ALERT_SMTP_TLS=on, or leave PODS_ALERT_SMTP_USER empty",
        )
