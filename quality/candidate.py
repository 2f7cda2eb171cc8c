"""The gate on a candidate edition: the same rules, on what staging made of the lake."""

from __future__ import annotations

import time
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path

from ingestion.contract import Contract, Feed
from ingestion.identifiers import quoted, text_literal
from quality.database import Database, open_database, prepare
from quality.landed import LANDED_PLACE
from quality.pages import Checked, keep, write_index
from quality.rules import Rule, has_rows, no_rows_where, rules_of
from quality.verdict import VERDICTS, Judged, Place, Verdict, judge

RECONCILIATION = "ops.reconciliation"
CHANGED = "ops.changed_partitions"
CUSTOMERS = "mart.customers"
LEDGER = "mart.contribution_reconciliation"
OVERRIDES = "policy.tier_overrides"
_PROVENANCE = frozenset({"business_date", "source_file", "source_line"})
_RECONCILED = no_rows_where(
    "every_landed_row_is_loaded_or_a_duplicate",
    "(difference is distinct from 0 "
    "or landed_rows - duplicate_rows - excluded_rows is distinct from loaded_rows)",
    "Every landed row is loaded, a duplicate of one that is, or not for the edition.",
    "do not reconcile",
)
_EXPLAINED = no_rows_where(
    "contribution_reconciles_with_the_ledger",
    "reconciliation_code = 'unexplained'",
    "A month that the ledger told of leaves no more unexplained than is allowed.",
    "differ from the general ledger by more than policy.reconciliation_terms allows; "
    "mart.ledger_positions says of which product",
)
_COMPLETE = no_rows_where(
    "contribution_reconciles_without_rejected_rows",
    "reconciliation_code = 'rejected_rows'",
    "No more is unexplained than would be if no row had been rejected.",
    "differ from the general ledger, as far as rejected rows may explain: "
    "land the corrected rows again",
    severity="warning",
)
_KNOWN = no_rows_where(
    "overrides_name_known_records",
    "record_id not in (select record_id from identity.customer_identity "
    "where customer_key is not null)",
    "Whose tier is set against the figures is a record that some channel sent.",
    "name a record that no customer has, and set nothing: "
    "see mart.customer_records, and mend dbt_project/seeds/tier_overrides.csv",
    severity="warning",
)
_OVERRIDE_PLACE = Place("concat_ws('', record_id, ': ', tier)", "record_id, tier")
_EXPLAINED_PLACE = Place(
    "concat_ws('', line_code, ' of ', month_start, ': ledger ', ledger_amount, "
    "', customers ', customer_amount, ', unexplained ', unexplained_amount)",
    "month_start, line_code",
)
_RECONCILIATION_PLACE = Place(
    "concat_ws('', channel, '.', feed, ' ', business_date, ': landed ', landed_rows, "
    "', duplicate ', duplicate_rows, ', loaded ', loaded_rows)",
    "channel, feed, business_date",
)


@dataclass(frozen=True)
class GatedCandidate:
    """What a gate came to. Messages are lines without personal values, stops first."""

    verdict: Verdict
    messages: tuple[str, ...]
    rules: int
    failed: int
    seconds: float


def gate_candidate(
    database: Path, contracts: Mapping[str, Contract], folder: Path
) -> GatedCandidate:
    """Put the contracts' rules, and the reconciliation, to a candidate at rest.

    Results are kept as JSON and as pages in `folder`, with an index.html.

    Raises:
        ContractError: A quality entry says something that cannot be checked.
        GateError: A rule could not be put to the data.
    """
    prepare()
    started = time.monotonic()
    folder.mkdir(parents=True, exist_ok=True)
    with open_database(database, folder) as opened:
        gate = _Gate(opened, contracts, folder)
        checked = [*gate.feeds(), *gate.marts()]
    write_index(folder, "Candidate edition", "Failures first.")
    checked.sort(key=lambda c: VERDICTS.index(c.verdict))
    return GatedCandidate(
        checked[0].verdict,
        tuple(c.message for c in checked if c.message),
        sum(c.rules for c in checked),
        sum(c.failed for c in checked),
        round(time.monotonic() - started, 3),
    )


@dataclass(frozen=True)
class _Gate:
    """One pass over one candidate."""

    database: Database
    contracts: Mapping[str, Contract]
    folder: Path

    def feeds(self) -> Iterator[Checked]:
        """Check each feed that has rows in staging, and that those due have some."""
        seen = 0
        loaded = self._loaded()
        for feed in (f for c in self.contracts.values() for f in c.feeds):
            relation = self._relation("staging", f"stg_{feed.channel}__{feed.name}")
            if relation and self._count(relation):
                seen += 1
                yield self._feed(feed, relation)
            elif feed.id in loaded:
                yield self._absent(feed.id, "rows of it were loaded in this build")
        if not seen:
            yield self._absent("staging", "is where the feeds' rows are due")

    def marts(self) -> Iterator[Checked]:
        """Check both reconciliations, that there are customers, and the overrides."""
        reconciled = (has_rows(), _RECONCILED)
        yield self._table(RECONCILIATION, reconciled, _RECONCILIATION_PLACE)
        yield self._table(CUSTOMERS, (has_rows(),), None)
        yield self._table(LEDGER, (has_rows(), _EXPLAINED, _COMPLETE), _EXPLAINED_PLACE)
        yield self._table(OVERRIDES, (_KNOWN,), _OVERRIDE_PLACE)

    def _feed(self, feed: Feed, relation: str) -> Checked:
        started = time.monotonic()
        own = {c.name for c in feed.columns} | _PROVENANCE
        present = [c for c in self.database.columns(relation) if c in own]
        rules = rules_of(feed, "candidate", present)
        has_lines = {"source_file", "source_line"}.issubset(present)
        place = LANDED_PLACE if has_lines else None
        name = f"{feed.id} in the candidate"
        with self.database.copied(relation, present) as copy:
            judged = judge(self.database, copy, name, rules, place)
        return self._kept(feed.id, judged, started)

    def _table(
        self, subject: str, rules: tuple[Rule, ...], place: Place | None
    ) -> Checked:
        started = time.monotonic()
        relation = self._relation(*subject.split("."))
        if relation is None:
            return self._absent(subject, "is a table that every edition has")
        judged = judge(self.database, relation, subject, rules, place)
        return self._kept(subject, judged, started)

    def _kept(self, subject: str, judged: Judged, started: float) -> Checked:
        checked = Checked.of(subject, "", judged, time.monotonic() - started)
        keep(self.folder, subject, checked, judged, home="index.html")
        return checked

    def _absent(self, subject: str, reason: str) -> Checked:
        message = f"{subject}: {reason}; expected at least one row; found none"
        checked = Checked(subject, "", "stop", message, 0, 1, 1, 0.0)
        keep(self.folder, subject, checked, None, home="index.html")
        return checked

    def _loaded(self) -> set[str]:
        """Return the feeds that this build loaded rows of.

        Staging shows what a build brings forward, and so does not show a feed that
        stayed as it was in the candidate's base.
        """
        loaded = self._relation(*RECONCILIATION.split("."))
        changed = self._relation(*CHANGED.split("."))
        if loaded is None or changed is None:
            return set()
        rows = self.database.rows(
            f"select distinct channel || '.' || feed from {loaded} "
            f"inner join {changed} using (channel, feed, business_date) "
            "where loaded_rows > 0"
        )
        return {str(row[0]) for row in rows}

    def _count(self, relation: str) -> int:
        return int(self.database.rows(f"select count(*) from {relation}")[0][0])

    def _relation(self, schema: str, table: str) -> str | None:
        """Return the quoted name of a table or view, None where there is none."""
        found = self.database.rows(
            "select 1 from information_schema.tables "
            "where table_catalog = current_database() "
            f"and table_schema = {text_literal(schema)} "
            f"and table_name = {text_literal(table)}"
        )
        return f"{quoted(schema)}.{quoted(table)}" if found else None
