"""A line about each night reaches those who wait for it, over a real wire."""

from __future__ import annotations

import socket
from collections.abc import Iterator
from datetime import date
from email import message_from_bytes
from email.policy import default
from pathlib import Path
from typing import Any

import pytest
from aiosmtpd.controller import Controller

from ingestion.errors import GateStopped, SettingsError
from warehouse.bank import Bank
from warehouse.notices import Notice, failed, tell
from warehouse.settings import load_settings

DAY = date(2026, 3, 1)
NOTICE = Notice("2026-03-01: published: edition-000001", {"rows_landed": 7})


class _Mailbox:
    """What a mail server was given."""

    def __init__(self) -> None:
        self.received: list[tuple[str, list[str], bytes]] = []

    async def handle_DATA(  # noqa: N802 (the library's name)
        self, _server: object, _session: object, envelope: Any
    ) -> str:
        self.received.append((envelope.mail_from, envelope.rcpt_tos, envelope.content))
        return "250 OK"


@pytest.fixture
def mail() -> Iterator[tuple[_Mailbox, int]]:
    """A real mail server on this machine."""
    mailbox = _Mailbox()
    # The controller must know its port before it has one.
    with socket.create_server(("127.0.0.1", 0)) as free:
        port = free.getsockname()[1]
    server = Controller(mailbox, hostname="127.0.0.1", port=port)
    server.start()
    yield mailbox, port
    server.stop()


def bank(home: Path, **variables: str) -> Bank:
    return Bank(load_settings({"PASSBOOK_HOME": str(home), **variables}))


def test_nobody_is_told_where_no_setting_says_so(tmp_path: Path) -> None:
    assert tell(bank(tmp_path), DAY, NOTICE) == []
    assert list(tmp_path.iterdir()) == []


def test_a_webhook_gets_the_line_and_the_facts(
    tmp_path: Path, hook: tuple[list[dict[str, Any]], str]
) -> None:
    received, url = hook
    assert tell(bank(tmp_path, PASSBOOK_WEBHOOK_URL=f"{url}/hook"), DAY, NOTICE) == []
    assert received == [{"text": NOTICE.line, "rows_landed": 7}]


def test_a_mail_goes_to_each_who_waits(
    tmp_path: Path, mail: tuple[_Mailbox, int]
) -> None:
    mailbox, port = mail
    told = bank(
        tmp_path,
        PASSBOOK_SMTP_URL=f"smtp://127.0.0.1:{port}",
        PASSBOOK_MAIL_FROM="night@bank.example",
        PASSBOOK_MAIL_TO="a@bank.example, b@bank.example",
    )
    assert tell(told, DAY, NOTICE) == []
    ((sender, receivers, content),) = mailbox.received
    assert sender == "night@bank.example"
    assert receivers == ["a@bank.example", "b@bank.example"]
    message = message_from_bytes(content, policy=default)
    assert message["Subject"] == f"Passbook {NOTICE.line}"
    text = message.get_content()
    assert text.startswith(NOTICE.line)
    assert '"rows_landed": 7' in text


def test_a_password_is_not_sent_in_the_clear(
    tmp_path: Path, mail: tuple[_Mailbox, int]
) -> None:
    mailbox, port = mail
    told = bank(
        tmp_path,
        PASSBOOK_SMTP_URL=f"smtp://me:secret@127.0.0.1:{port}",
        PASSBOOK_MAIL_TO="a@bank.example",
    )
    (line,) = tell(told, DAY, NOTICE)
    assert "STARTTLS" in line
    assert "secret" not in line
    assert mailbox.received == []


def test_what_cannot_be_delivered_is_a_warning_and_the_rest_is_delivered(
    tmp_path: Path,
    hook: tuple[list[dict[str, Any]], str],
    mail: tuple[_Mailbox, int],
) -> None:
    _, url = hook
    mailbox, port = mail
    told = bank(
        tmp_path,
        PASSBOOK_WEBHOOK_URL=f"{url}/token-that-is-secret",
        PASSBOOK_SMTP_URL=f"smtp://127.0.0.1:{port}",
        PASSBOOK_MAIL_TO="a@bank.example",
    )
    (line,) = tell(told, DAY, NOTICE)
    assert line.startswith("webhook 127.0.0.1: HTTP Error 500")
    assert "token" not in line
    assert len(mailbox.received) == 1
    outcome = told.ledger.read("notify", "bank", "2026-03-01")
    assert outcome is not None
    assert (outcome.verdict, outcome.message) == ("warn", line)


def test_a_server_that_is_not_there_is_said_in_a_line(tmp_path: Path) -> None:
    told = bank(tmp_path, PASSBOOK_WEBHOOK_URL="http://127.0.0.1:9/x")
    (line,) = tell(told, DAY, NOTICE)
    assert "refused" in line


def test_a_failed_night_is_said_in_one_line() -> None:
    notice = failed(DAY, GateStopped("edition of 2026-03-01", "2 tests failed"))
    assert notice.line == (
        "2026-03-01: FAILED, the edition before stays: "
        "edition of 2026-03-01: 2 tests failed."
    )
    assert notice.facts["error"] == "GateStopped"


@pytest.mark.parametrize(
    "variables",
    [
        {"PASSBOOK_WEBHOOK_URL": "ftp://bank.example/x"},
        {"PASSBOOK_WEBHOOK_URL": "https://"},
        {"PASSBOOK_WEBHOOK_URL": "https://bank.example:port/x"},
        {"PASSBOOK_SMTP_URL": "mail.bank.example"},
        {"PASSBOOK_SMTP_URL": "smtp://mail.bank.example"},
    ],
)
def test_an_address_that_cannot_be_one_is_refused(variables: dict[str, str]) -> None:
    with pytest.raises(SettingsError):
        load_settings(variables)


def test_secrets_of_addresses_are_not_printed() -> None:
    settings = load_settings(
        {
            "PASSBOOK_WEBHOOK_URL": "https://hooks.example/services/T0/secret",
            "PASSBOOK_SMTP_URL": "smtps://me:secret@mail.example",
            "PASSBOOK_MAIL_TO": "a@bank.example",
        }
    )
    shown = {s.variable: s.value for s in settings.sources}
    assert shown["PASSBOOK_WEBHOOK_URL"] == "https://hooks.example/***"
    assert shown["PASSBOOK_SMTP_URL"] == "smtps://***@mail.example"
