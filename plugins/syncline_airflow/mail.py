"""Mail to a subscriber through Airflow's SMTP notifier, and so through any secrets backend."""

from __future__ import annotations

import smtplib
from typing import TYPE_CHECKING

from syncline.errors import ConfigurationError
from syncline.notices.digest import digest
from syncline.notices.event import Outcome

if TYPE_CHECKING:
    from syncline.connections import Connection
    from syncline.notices.event import Bundle
    from syncline.registry import Subscriber

# The server judged this mail; 4yz and everything else may be another thing tomorrow (RFC 5321, 4.2.1).
REFUSED_FROM = 500


class Mail:
    """One address, one mail for each bundle."""

    def __init__(self, entry: Subscriber, connection: Connection) -> None:
        """Raises ConfigurationError: the connection names no server or no sender."""
        if not connection.host or not connection.extra.get("from_email"):
            raise ConfigurationError(
                f"Connection {connection.conn_id!r} names no mail server, or no sender.",
                next_step="Write the server into host and the sender's address as `from_email` into extra.",
                conn_id=connection.conn_id,
            )
        self._entry = entry

    def close(self) -> None:
        """Each mail has a connection of its own."""

    def deliver(self, bundle: Bundle) -> Outcome:
        """Hand it to the mail server; what the server takes is delivered."""
        from airflow.providers.smtp.notifications.smtp import SmtpNotifier
        from airflow.sdk.exceptions import AirflowException

        assert self._entry.to is not None
        mail = digest(self._entry.name, bundle)
        notifier = SmtpNotifier(
            to=self._entry.to,
            subject=mail.subject,
            html_content=mail.html,
            custom_headers={"Message-ID": mail.message_id, "Auto-Submitted": "auto-generated"},
            smtp_conn_id=self._entry.conn_id,
        )
        try:
            # Not by calling the notifier: that would render the events as Jinja templates.
            notifier.notify({})
        except smtplib.SMTPAuthenticationError as error:
            return Outcome("failed", "the mail server refuses the login", error.smtp_code)
        except smtplib.SMTPRecipientsRefused as error:
            code = max((told[0] for told in error.recipients.values()), default=0)
            return _answered(code, "the mail server refuses the address")
        except smtplib.SMTPResponseException as error:
            return _answered(error.smtp_code, f"the mail server answered {error.smtp_code}")
        except (smtplib.SMTPException, OSError, AirflowException) as error:
            return Outcome("failed", f"no answer of the mail server: {type(error).__name__}")
        return Outcome("delivered", "the mail server took it")


def _answered(code: int, told: str) -> Outcome:
    return Outcome("refused" if code >= REFUSED_FROM else "failed", told, code)
