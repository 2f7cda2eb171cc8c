"""Truth files: what a warehouse that reads the extracts should find out."""

from __future__ import annotations

import csv
import hashlib
import json
from collections.abc import Iterable, Iterator
from pathlib import Path

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from ingestion.sample.accounts import JOINT_OWNER, PROXY, card_text
from ingestion.sample.block import Block
from ingestion.sample.calendar_day import Day
from ingestion.sample.campaigns import FAILURES, HELD_OUT, STEPS, contact_id, culprit
from ingestion.sample.chance import Ints
from ingestion.sample.columns import (
    days,
    digits,
    either,
    joined,
    only,
    picked,
    plain,
    repeated,
)
from ingestion.sample.delivery import Flaw
from ingestion.sample.drift import DRIFTS, STEADY
from ingestion.sample.logins import login_id
from ingestion.sample.people import email_address, international
from ingestion.sample.registry import core_customer_id
from ingestion.sample.spec import SampleSummary


def write_truth(folder: Path, blocks: Iterable[Block]) -> None:
    """Write who is who, how people are related, and what campaigns brought."""
    folder.mkdir(parents=True, exist_ok=True)
    kept = list(blocks)
    _write(folder / "who_is_who.csv", (_who_is_who(b) for b in kept))
    _write(folder / "relationships.csv", (_relationships(b) for b in kept))
    _write(folder / "behaviour_changes.csv", (_behaviour_changes(b) for b in kept))
    _write(folder / "campaign_outcomes.csv", (_campaign_outcomes(b) for b in kept))


def _write(path: Path, tables: Iterator[pa.Table]) -> None:
    """Write tables of plain words as CSV; none of the values needs a quote."""
    with path.open("wb") as stream:
        for number, table in enumerate(tables):
            if not number:
                stream.write((",".join(table.column_names) + "\n").encode())
            fields = [
                pc.fill_null(plain(table[name].combine_chunks()).cast(pa.string()), "")
                for name in table.column_names
            ]
            lines = joined(pc.binary_join_element_wise(*fields, ","), "\n")
            stream.write(lines.slice(0).buffers()[2] or b"")


def person_id(block: Block, person: Ints) -> pa.Array:
    """Return the truth's ids of people by place."""
    return joined("P", digits(block.people.number[person], 9))


def _who_is_who(block: Block) -> pa.Table:
    people, registry, logins = block.people, block.registry, block.logins
    everyone = np.arange(people.count)
    email = plain(email_address(block.spec.seed, people, everyone))
    has_email = np.flatnonzero(people.has_email)
    own = np.flatnonzero(registry.phone > 10_000_000_000)
    former = own[registry.phone[own] != people.phone[registry.person[own]]]
    parts = [
        ("core_customer", registry.person, core_customer_id(registry.number)),
        ("login", logins.person, login_id(people, logins.person)),
        ("phone", everyone, international(people.phone)),
        ("phone", registry.person[former], international(registry.phone[former])),
        ("email", has_email, email.take(pa.array(has_email))),
        ("card", block.cards.person, _card_marks(block.cards.number)),
    ]
    return pa.concat_tables(
        [
            pa.table(
                {
                    "person_id": person_id(block, person),
                    "record_kind": plain(repeated(kind, len(person))),
                    "record_value": plain(values),
                }
            )
            for kind, person, values in parts
        ]
    )


def _card_marks(number: Ints) -> pa.Array:
    """Return last four digits and SHA-256 of each card number, never the number."""
    return pa.array(
        [
            f"{card[-4:]}:{hashlib.sha256(card.encode()).hexdigest()}"
            for card in card_text(number).to_pylist()
        ],
        pa.string(),
    )


def _relationships(block: Block) -> pa.Table:
    people, holders, registry = block.people, block.holders, block.registry
    everyone = np.arange(people.count)
    member = everyone[people.head != everyone]
    sharer = everyone[people.shares_phone]
    owner = registry.person[block.accounts.record[holders.account]]
    holder = registry.person[holders.record]
    joint, proxy = (holders.role == role for role in (JOINT_OWNER, PROXY))
    parts = [
        ("household", people.head[member], member),
        ("shared_phone", people.head[sharer], sharer),
        ("joint", owner[joint], holder[joint]),
        ("proxy", owner[proxy], holder[proxy]),
    ]
    return pa.concat_tables(
        [
            pa.table(
                {
                    "person_a": person_id(block, a),
                    "person_b": person_id(block, b),
                    "kind": plain(repeated(kind, len(a))),
                }
            )
            for kind, a, b in parts
        ]
    )


def _behaviour_changes(block: Block) -> pa.Table:
    """One row per customer whose activity changes within the days of the sample."""
    drift, last = block.drift, Day(block.spec.business_dates[-1]).number
    changes = (drift.kind != STEADY) & (drift.onset <= last)
    who = np.flatnonzero(changes[: block.people.customers])
    return pa.table(
        {
            "person_id": person_id(block, who),
            "kind": picked(DRIFTS, drift.kind[who]),
            "from_date": days(drift.onset[who]),
        }
    )


def _campaign_outcomes(block: Block) -> pa.Table:
    contacts, bank = block.contacts, block.bank
    everyone = np.arange(contacts.count)
    failed = (contacts.failure >= 0) & (contacts.failure != HELD_OUT)
    by_culprit = failed & (contacts.employee == culprit(bank)[1])
    department = picked(
        bank.department_ids, contacts.department, contacts.department >= 0
    )
    employee = picked(bank.employee_ids, contacts.employee, contacts.employee >= 0)
    return pa.table(
        {
            "contact_id": contact_id(contacts, everyone),
            "campaign_id": picked(
                [c.campaign_id for c in block.campaigns], contacts.campaign
            ),
            "is_control": either(contacts.is_control, "true", "false"),
            "converted": either(contacts.opened_day >= 0, "true", "false"),
            "failure_step": picked(STEPS, contacts.step, failed),
            "failure_code": picked(FAILURES, contacts.failure, failed),
            "failure_department_id": only(plain(department), failed),
            "failure_employee_id": only(plain(employee), failed),
            "is_culprit": either(by_culprit, "true", "false"),
        }
    )


def write_flaws(path: Path, flaws: Iterable[Flaw]) -> None:
    """Write damaged or repeated rows, a line each."""
    with path.open("w", encoding="utf-8", newline="") as stream:
        writer = csv.writer(stream, lineterminator="\n")
        writer.writerow(
            [
                "channel",
                "feed",
                "business_date",
                "file_name",
                "record_number",
                "line_number",
                "kind",
                "column",
            ]
        )
        writer.writerows(
            [
                f.channel,
                f.feed,
                f.business_date.isoformat(),
                f.file_name,
                f.record_number,
                f.line_number,
                f.kind,
                f.column,
            ]
            for f in flaws
        )


def write_summary(path: Path, summary: SampleSummary, block: Block) -> None:
    """Write what was made and which department and person lose applications."""
    department, employee = culprit(block.bank)
    document = {
        "customers": summary.customers,
        "core_customers": summary.core_customers,
        "accounts": summary.accounts,
        "business_dates": [d.isoformat() for d in summary.business_dates],
        "seed": block.spec.seed,
        "dirt": block.spec.dirt,
        "rows": dict(sorted(summary.rows.items())),
        "event_rows": summary.event_rows,
        "damaged_rows": summary.damaged_rows,
        "duplicate_rows": summary.duplicate_rows,
        "late_files": summary.late_files,
        "corrected_files": summary.corrected_files,
        "culprit": {
            "department_id": block.bank.departments[department].department_id,
            "employee_id": block.bank.employees.employee_id[employee],
        },
    }
    path.write_text(json.dumps(document, indent=2) + "\n", encoding="utf-8")
