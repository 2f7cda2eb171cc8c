"""One line about a night for those who wait for it: to a webhook, and by e-mail.

Nobody is told anything unless a setting says where. A notice that cannot be delivered
is a warning in the ledger; the night is as good without it.
"""

from __future__ import annotations

import json
import smtplib
import ssl
import urllib.error
import urllib.request
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import date
from email.message import EmailMessage
from typing import Any
from urllib.parse import SplitResult, unquote, urlsplit

from ingestion.errors import PassbookError
from warehouse.bank import Bank
from warehouse.editions import Edition
from warehouse.ledger import Outcome
from warehouse.settings import Settings
from warehouse.status import night_status

TIMEOUT_SECONDS = 10.0
# What a mail server, a web server or the way to them may raise.
_UNDELIVERED = (OSError, smtplib.SMTPException, urllib.error.URLError, ValueError)


@dataclass(frozen=True)
class Notice:
    """A line for people, and the facts in it for machines."""

    line: str
    facts: dict[str, Any]


def published(bank: Bank, business_date: date, edition: Edition) -> Notice:
    """Return the notice of a night that ended with an edition."""
    night = night_status(bank, business_date)
    rows = sum(f.landed for f in night.feeds)
    rejected = sum(f.rejected for f in night.feeds)
    facts: dict[str, Any] = {
        "business_date": business_date.isoformat(),
        "verdict": night.verdict,
        "edition": edition.id,
        "as_of": edition.as_of,
        "rows_landed": rows,
        "rows_rejected": rejected,
        "missing": list(edition.missing),
        "late": list(night.late),
        "restated": night.restated,
        "seconds": night.seconds,
    }
    line = (
        f"{business_date}: {night.verdict}: {edition.id} as of {edition.as_of}, "
        f"{rows:,} rows landed, {rejected:,} rejected, {night.seconds:.0f} s"
    )
    if edition.missing:
        line += f"; without {', '.join(edition.missing)}"
    return Notice(line, facts)


def failed(business_date: date, error: PassbookError) -> Notice:
    """Return the notice of a night that ended without an edition of its own."""
    line = " | ".join(str(error).splitlines())
    return Notice(
        f"{business_date}: FAILED, the edition before stays: {line}",
        {
            "business_date": business_date.isoformat(),
            "verdict": "failed",
            "error": type(error).__name__,
            "message": str(error),
        },
    )


def tell(bank: Bank, business_date: date, notice: Notice) -> list[str]:
    """Deliver a notice wherever the settings say; return a line for each that failed.

    What could not be delivered stands in the ledger as well.
    """
    faults = list(_deliveries(bank.settings, notice))
    if faults:
        bank.ledger.write(
            Outcome(
                "notify",
                "bank",
                business_date.isoformat(),
                "warn",
                message="; ".join(faults),
                code_version=bank.code_version,
            )
        )
    return faults


def _deliveries(settings: Settings, notice: Notice) -> Iterator[str]:
    if settings.webhook_url:
        try:
            _post(settings.webhook_url, {"text": notice.line, **notice.facts})
        except _UNDELIVERED as error:
            # Not the whole address: it may hold a secret.
            yield f"webhook {urlsplit(settings.webhook_url).hostname}: {_said(error)}"
    if settings.smtp_url:
        server = urlsplit(settings.smtp_url)
        try:
            _mail(server, settings, notice)
        except _UNDELIVERED as error:
            yield f"mail server {server.hostname}: {_said(error)}"


def _said(error: Exception) -> str:
    return " ".join(str(error).split()) or type(error).__name__


def _post(url: str, payload: dict[str, Any]) -> None:
    request = urllib.request.Request(
        url,
        data=json.dumps(payload, ensure_ascii=False, default=str).encode(),
        headers={"Content-Type": "application/json"},
    )
    with urllib.request.urlopen(request, timeout=TIMEOUT_SECONDS) as response:
        response.read()


def _mail(server: SplitResult, settings: Settings, notice: Notice) -> None:
    message = EmailMessage()
    message["From"] = settings.mail_from
    message["To"] = ", ".join(settings.mail_to)
    message["Subject"] = f"Passbook {notice.line[:150]}"
    facts = json.dumps(notice.facts, ensure_ascii=False, indent=1, default=str)
    message.set_content(f"{notice.line}\n\n{facts}\n")
    host = server.hostname or ""
    client: smtplib.SMTP
    if server.scheme == "smtps":
        client = smtplib.SMTP_SSL(host, server.port or 465, timeout=TIMEOUT_SECONDS)
    else:
        client = smtplib.SMTP(host, server.port or 25, timeout=TIMEOUT_SECONDS)
    with client:
        # A password is not sent in the clear: with one, the server must encrypt.
        if server.scheme == "smtp" and (server.username or client.has_extn("starttls")):
            client.starttls(context=ssl.create_default_context())
        if server.username:
            client.login(unquote(server.username), unquote(server.password or ""))
        client.send_message(message)
