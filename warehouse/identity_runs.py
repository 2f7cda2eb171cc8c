"""The identity verbs: train a model, try it, report, and what people decide."""

from __future__ import annotations

import shutil
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import asdict, dataclass, replace
from datetime import date
from decimal import Decimal
from pathlib import Path
from typing import Any

import duckdb

from identity.accuracy import measured, read_truth
from identity.decisions import Decision, DecisionCode
from identity.explain import Explainer, Explanation
from identity.masking import shown
from identity.model import LinkageModel, load_model
from identity.resolve import open_persons
from identity.training import Trained, train
from ingestion.errors import SettingsError
from ingestion.identifiers import text_literal
from ingestion.sessions import in_memory
from warehouse.bank import Bank
from warehouse.build import build
from warehouse.editions import Candidate
from warehouse.shelf import MODEL


@contextmanager
def current_edition(bank: Bank) -> Iterator[duckdb.DuckDBPyConnection]:
    """Open a database in memory that sees the current edition's schemas, to read.

    Raises:
        SettingsError: There is no edition yet.
    """
    path = bank.editions.published_database()
    with in_memory(bank.settings.home / "spill") as connection:
        connection.execute(f"set memory_limit = {text_literal(bank.settings.memory)}")
        connection.execute(f"set threads = {bank.settings.threads}")
        connection.execute(f"attach {text_literal(str(path))} as edition (read_only)")
        for schema in ("intermediate", "identity", "policy", "mart", "ops"):
            connection.execute(f"create schema {schema}")
            for (name,) in connection.execute(
                "select table_name from information_schema.tables "
                "where table_catalog = 'edition' and table_schema = ?",
                [schema],
            ).fetchall():
                connection.execute(
                    f"create view {schema}.{name} as from edition.{schema}.{name}"
                )
        yield connection


def train_model(bank: Bank, truth: Path | None) -> tuple[Trained, Path]:
    """Train a model on the current edition's records and save it; return its folder.

    It is the bank's from the moment that `use_model` says so.
    """
    with current_edition(bank) as connection:
        open_persons(connection)
        if truth:
            read_truth(connection, truth)
        as_of = connection.execute("select as_of_date from ops.build").fetchall()[0][0]
        name = f"edition of {as_of}"
        trained = train(connection, has_truth=truth is not None, name=name)
    folder = bank.linkage_models.folder / trained.model.version
    trained.model.save(folder / MODEL)
    trained.save_charts(folder)
    return trained, folder


def use_model(bank: Bank, version: str) -> LinkageModel:
    """Make a saved model, or `default`, the bank's from the next build on.

    Raises:
        SettingsError: There is no such model.
    """
    if version == "default":
        bank.linkage_models.drop()
        return bank.identity_rules.model
    model = model_of(bank, version)
    bank.linkage_models.use(version)
    return model


def model_of(bank: Bank, version: str) -> LinkageModel:
    """Return a saved model by its version.

    Raises:
        SettingsError: There is none.
    """
    return load_model(bank.linkage_models.path(version))


@dataclass(frozen=True)
class Preview:
    """What publishing other rules would change, against the current edition.

    `records_moved` have another customer key. `tiers_moved` counts customers of both
    whose tier differs, and `contribution_moved_amount` is the trailing contribution
    that other customers have: half the sum of all differences.
    """

    customers_before: int
    customers_after: int
    merged: int
    split: int
    records_moved: int
    tiers_moved: int
    contribution_moved_amount: Decimal
    currency_code: str
    queue_before: int
    queue_after: int


def preview(bank: Bank, model: LinkageModel | None = None) -> Preview:
    """Build a candidate by the rules of the next night, compare it, throw it away.

    These are the code as it is, the decisions in force and the bank's model, or the one
    given. The candidate stands at the current edition's date. Holds the writer's lock.
    """
    as_of = date.fromisoformat(bank.editions.published().as_of)
    rules = bank.identity_rules
    rules = replace(rules, model=model) if model else rules
    with bank.editions.writing():
        built = build(bank, as_of, rules)
        try:
            return _compared(bank, built.candidate)
        finally:
            shutil.rmtree(built.candidate.folder)


def _compared(bank: Bank, candidate: Candidate) -> Preview:
    before = bank.editions.published_database()
    with in_memory(bank.settings.home / "spill") as connection:
        for name, path in (("before", before), ("after", candidate.database)):
            connection.execute(
                f"attach {text_literal(str(path))} as {name}_edition (read_only)"
            )
        cursor = connection.execute(_PREVIEW)
        names = [d[0] for d in cursor.description or []]
        return Preview(**dict(zip(names, cursor.fetchall()[0], strict=True)))


_PREVIEW = (Path(__file__).with_name("sql") / "preview.sql").read_text("utf-8")


def report(bank: Bank, truth: Path | None) -> list[dict[str, Any]]:
    """Return what identity came to in the current edition, a figure a row.

    Where there is a truth, precision and recall of its records against it come last.
    """
    with current_edition(bank) as connection:
        cursor = connection.execute(_REPORT)
        names = [d[0] for d in cursor.description or []]
        rows = [dict(zip(names, row, strict=True)) for row in cursor.fetchall()]
        if truth:
            read_truth(connection, truth)
            connection.execute(
                "create temp table found as "
                "select record_id, customer_key from identity.customer_identity"
            )
            figures = asdict(measured(connection, "found", "truth"))
            rows += [
                {"subject": "accuracy", "figure": k, "value": round(v, 5)}
                for k, v in figures.items()
            ]
    return rows


_REPORT = (Path(__file__).with_name("sql") / "identity_report.sql").read_text("utf-8")


def review_queue(bank: Bank, limit: int) -> list[dict[str, Any]]:
    """Return the pairs that people are asked about, likeliest first, a row a record.

    The two records of a pair stand one under the other; what a role may not see is
    masked.
    """
    with current_edition(bank) as connection:
        cursor = connection.execute(
            "with asked as (from identity.review "
            "order by match_weight desc, review_id limit ?) "
            "select asked.review_id, asked.reason_code, "
            "round(asked.match_weight, 1) as match_weight, persons.record_id, "
            "bridge.customer_key, persons.full_name, persons.birth_date, "
            "persons.sex_code, persons.national_id, persons.phone, persons.email, "
            "persons.address from asked "
            "inner join intermediate.int_person_records as persons "
            "on persons.record_id in (asked.left_record_id, asked.right_record_id) "
            "inner join identity.customer_identity as bridge "
            "on persons.record_id = bridge.record_id "
            "order by asked.match_weight desc, asked.review_id, persons.record_id",
            [limit],
        )
        names = [d[0] for d in cursor.description or []]
        rows = [dict(zip(names, row, strict=True)) for row in cursor.fetchall()]
    role = bank.settings.role
    return [{k: shown(k, v, role) for k, v in row.items()} for row in rows]


def explained(bank: Bank, names: Sequence[str]) -> Explanation:
    """Return why two records are one customer or not, or what makes a customer one.

    Of a customer also which tier it had from when on, which segments it is in and which
    signals are raised, and why.
    """
    model = bank.identity_rules.model
    with current_edition(bank) as connection:
        found = Explainer(connection, model, bank.settings.role).explain(names)
        tiers = connection.execute(
            "select tier, valid_from, reason from mart.customer_tiers "
            "where customer_key = ? order by valid_from",
            [found.customer_key],
        ).fetchall()
        segments = connection.execute(
            "select scheme_code, segment_code, evidence from mart.segments "
            "where customer_key = ? order by scheme_code",
            [found.customer_key],
        ).fetchall()
        signals = connection.execute(
            "select signal_code, subject, round(score, 2), evidence "
            "from mart.customer_signals "
            "where customer_key = ? order by is_warning desc, score desc, subject",
            [found.customer_key],
        ).fetchall()
    told = [f"{tier} from {day} on: {reason}" for tier, day, reason in tiers]
    told += [f"{scheme} {segment}: {why}" for scheme, segment, why in segments]
    told += [
        f"signal {signal} ({subject}), {score}: {why}"
        for signal, subject, score, why in signals
    ]
    return replace(found, notes=(*found.notes, *told))


def decide(
    bank: Bank, which: Sequence[str], code: DecisionCode, by: str, note: str
) -> Decision:
    """Write what somebody decided about the two records of a pair.

    `which` is a pair of the queue by its id, or two record ids. Nights obey it from the
    next on, until it is undone.

    Raises:
        SettingsError: The queue has no such pair, or no channel such a record.
    """
    with current_edition(bank) as connection:
        one, other = _records_of(connection, which)
        as_of = connection.execute("select as_of_date from ops.build").fetchall()[0][0]
    return bank.decisions.decide(one, other, code, by, note, as_of)


def _records_of(
    connection: duckdb.DuckDBPyConnection, which: Sequence[str]
) -> tuple[str, str]:
    if len(which) == 1:
        found = connection.execute(
            "select left_record_id, right_record_id from identity.review "
            "where review_id = ?",
            [which[0]],
        ).fetchall()
        if not found:
            raise SettingsError(
                which[0],
                "is no pair of the review queue",
                remedy="See: passbook identity review",
            )
        return found[0][0], found[0][1]
    if len(which) != 2:
        raise SettingsError(
            "identity decide",
            "a decision is about two records",
            expected="a review id or two record ids",
            found=f"{len(which)} words",
        )
    for record in which:
        known = connection.execute(
            "select 1 from identity.records where record_id = ?", [record]
        ).fetchall()
        if not known:
            raise SettingsError(record, "is no record that a channel sent")
    return which[0], which[1]
