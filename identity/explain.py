"""Why records are one customer, or are not: each link, its evidence, its date."""

from __future__ import annotations

from collections import defaultdict, deque
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import date
from typing import Any

import duckdb

from identity.comparisons import COMPARISONS
from identity.linkage import Scorer, block_columns
from identity.masking import masked_record, shown
from identity.model import LinkageModel
from identity.resolve import open_persons
from ingestion.errors import SettingsError


@dataclass(frozen=True)
class Link:
    """One tie between two records: the rule, what it rests on, since when."""

    left_record_id: str
    right_record_id: str
    rule: str
    evidence: str
    match_weight: float | None
    since_date: date | None


@dataclass(frozen=True)
class Compared:
    """How two person records agree on one thing, and what that adds to the weight."""

    comparison: str
    left: Any
    right: Any
    level: str
    weight: float


@dataclass(frozen=True)
class Explanation:
    """Why a customer's records are one, or how two records stand to each other.

    `links` lead from the first record to the second or, of a customer, to every record.
    `comparisons` stand where both records describe a person. `notes` say what else
    decided. `customer_key` is the living customer who was asked for.
    """

    verdict: str
    links: tuple[Link, ...]
    comparisons: tuple[Compared, ...]
    notes: tuple[str, ...]
    customer_key: str | None = None


class Explainer:
    """Explains what stands in the schemas of one edition."""

    def __init__(
        self, connection: duckdb.DuckDBPyConnection, model: LinkageModel, role: str
    ) -> None:
        """Take a connection that sees the edition and may make temp tables."""
        self._connection = connection
        self._model = model
        self._role = role

    def explain(self, names: Sequence[str]) -> Explanation:
        """Explain a customer key, a record, or two records.

        Raises:
            SettingsError: There is no such customer or record.
        """
        if len(names) == 1:
            return self._explain_customer(names[0])
        return self._explain_pair(names[0], names[1])

    def _rows(self, query: str, *values: Any) -> list[tuple[Any, ...]]:
        return self._connection.execute(query, list(values)).fetchall()

    def _key_of(self, record: str) -> tuple[str | None, str]:
        found = self._rows(
            "select customer_key, link_rule_code from identity.customer_identity "
            "where record_id = ?",
            record,
        )
        if not found:
            raise SettingsError(
                self._masked(record),
                "is no record or customer of this edition",
                remedy='See: passbook sql "select * from mart.customer_records"',
            )
        return found[0]

    def _records_of(self, key: str) -> list[str]:
        rows = self._rows(
            "select record_id from identity.customer_identity "
            "where customer_key = ? order by record_id",
            key,
        )
        return [record for (record,) in rows]

    def _masked(self, record: str) -> str:
        return record if self._role == "steward" else masked_record(record)

    def _explain_customer(self, name: str) -> Explanation:
        notes = []
        redirect = self._rows(
            "select living_key, state_code, business_date from identity.key_redirect "
            "where retired_key = ?",
            name,
        )
        key: str | None = name
        if redirect:
            key, state, day = redirect[0]
            notes.append(f"{name} was retired on {day}: {state}")
            if key is None:
                return Explanation(f"{name} leads to no customer", (), (), tuple(notes))
        elif not self._rows(
            "select 1 from identity.customer_keys where customer_key = ?", name
        ):
            key, rule = self._key_of(name)
            if key is None:
                verdict = f"{self._masked(name)} is nobody's: {rule}"
                return Explanation(verdict, (), (), tuple(self._blocked(name)))
        records = self._records_of(str(key))
        links = _tree(self._links(records), records[0])
        notes += self._events(str(key))
        verdict = f"{key} is one customer of {len(records)} records"
        return Explanation(verdict, self._shown(links), (), tuple(notes), key)

    def _explain_pair(self, one: str, other: str) -> Explanation:
        (one_key, one_rule), (other_key, other_rule) = (
            self._key_of(one),
            self._key_of(other),
        )
        notes = [*self._decided(one, other), *self._blocked(one, other)]
        comparisons = self._compared(one, other, notes)
        if one_key is None or one_key != other_key:
            standing = " and ".join(
                f"{self._masked(r)} is {k or 'nobody'} ({rule})"
                for r, k, rule in (
                    (one, one_key, one_rule),
                    (other, other_key, other_rule),
                )
            )
            return Explanation(
                f"not one customer: {standing}", (), comparisons, tuple(notes)
            )
        path = _path(self._links(self._records_of(one_key)), one, other)
        return Explanation(
            f"one customer: {one_key}", self._shown(path), comparisons, tuple(notes)
        )

    def _shown(self, links: Iterable[Link]) -> tuple[Link, ...]:
        return tuple(
            Link(
                self._masked(link.left_record_id),
                self._masked(link.right_record_id),
                link.rule,
                link.evidence,
                link.match_weight,
                link.since_date,
            )
            for link in links
        )

    def _links(self, records: Sequence[str]) -> list[Link]:
        """Return every tie among the records of one customer, the surest first."""
        return [
            *self._decision_links(records),
            *self._identifier_links(records),
            *self._scored_links(records),
        ]

    def _identifier_links(self, records: Sequence[str]) -> list[Link]:
        """Return ties by a shared value: strong ones, then contacts to their holder."""
        rows = self._rows(
            "select evidence.identifier_kind, evidence.identifier_value, "
            "list(struct_pack(record := evidence.record_id, since := since_date) "
            "order by evidence.record_id), any_value(caps.is_strong) "
            "from identity.evidence as evidence "
            "inner join policy.identifier_caps as caps "
            "on evidence.identifier_kind = caps.identifier_kind "
            "anti join identity.blocked_identifiers as blocked "
            "on evidence.identifier_kind = blocked.identifier_kind "
            "and evidence.identifier_value = blocked.identifier_value "
            "where list_contains(?::varchar[], evidence.record_id) "
            "group by evidence.identifier_kind, evidence.identifier_value "
            "having count(*) > 1 "
            "order by any_value(caps.is_strong) desc, evidence.identifier_kind, "
            "evidence.identifier_value",
            list(records),
        )
        links = []
        for kind, value, members, is_strong in rows:
            contacts = [m for m in members if m["record"] == f"{kind}:{value}"]
            firsts = members[:1] if is_strong else contacts
            for first in firsts:
                rule = f"same {kind}" if is_strong else f"sole holder of the {kind}"
                links += [
                    Link(
                        first["record"],
                        member["record"],
                        rule,
                        f"{kind} {shown(_column(kind), value, self._role)}",
                        None,
                        max(first["since"], member["since"]),
                    )
                    for member in members
                    if member["record"] != first["record"]
                ]
        return links

    def _scored_links(self, records: Sequence[str]) -> list[Link]:
        rows = self._rows(
            "select left_record_id, right_record_id, match_weight, since_date "
            "from identity.pairs where match_weight >= ? and veto_code is null "
            "and list_contains(?::varchar[], left_record_id) "
            "and list_contains(?::varchar[], right_record_id) "
            "order by match_weight desc, left_record_id, right_record_id",
            self._model.link_weight,
            list(records),
            list(records),
        )
        return [
            Link(a, b, "score", f"model {self._model.version}", weight, since)
            for a, b, weight, since in rows
        ]

    def _decision_links(self, records: Sequence[str]) -> list[Link]:
        rows = self._rows(
            "select left_record_id, right_record_id, decided_by, note, decided_date "
            "from identity.decisions where decision_code = 'same' "
            "and list_contains(?::varchar[], left_record_id) "
            "and list_contains(?::varchar[], right_record_id) order by all",
            list(records),
            list(records),
        )
        return [
            Link(a, b, "decision", f"{by}: {note}" if note else by, None, on)
            for a, b, by, note, on in rows
        ]

    def _decided(self, one: str, other: str) -> list[str]:
        rows = self._rows(
            "select decision_code, decided_by, decided_date, note "
            "from identity.decisions where left_record_id = ? and right_record_id = ?",
            *sorted((one, other)),
        )
        return [f"{by} decided on {on}: {code}. {note}" for code, by, on, note in rows]

    def _blocked(self, *records: str) -> list[str]:
        rows = self._rows(
            "select distinct blocked.identifier_kind, blocked.identifier_value, "
            "blocked.record_count, blocked.reason_code "
            "from identity.blocked_identifiers as blocked "
            "inner join identity.evidence as evidence "
            "on blocked.identifier_kind = evidence.identifier_kind "
            "and blocked.identifier_value = evidence.identifier_value "
            "where list_contains(?::varchar[], evidence.record_id) order by all",
            list(records),
        )
        return [
            f"{kind} {shown(_column(kind), value, self._role)} is no evidence: "
            f"{reason}, on {count:,} records"
            for kind, value, count, reason in rows
        ]

    def _events(self, key: str) -> list[str]:
        rows = self._rows(
            "select business_date, event_code, customer_key, other_customer_key, cause "
            "from identity.key_event where ? in (customer_key, other_customer_key) "
            "order by business_date",
            key,
        )
        return [
            f"{day}: {who} {code}{f' ({other})' if other else ''}: "
            # A cause may name a record, and that be a number.
            + " ".join(map(self._masked, cause.split(" ")))
            for day, code, who, other, cause in rows
        ]

    def _compared(self, one: str, other: str, notes: list[str]) -> tuple[Compared, ...]:
        """Return how two person records compare; nothing where one describes nobody."""
        open_persons(self._connection)
        for table, record in (("one_person", one), ("other_person", other)):
            self._connection.execute(
                f"create or replace temp table {table} as select *, {block_columns()} "
                "from unblocked_persons where record_id = ?",
                [record],
            )
            if not self._rows(f"from {table}"):
                return ()
        scorer = Scorer(self._connection, self._model, "one_person")
        found = scorer.compared("one_person", "other_person")
        notes.append(self._judged(scorer, float(found["match_weight"])))
        return tuple(
            Compared(
                name,
                shown(name, found[f"{name}_l"], self._role),
                shown(name, found[f"{name}_r"], self._role),
                _level(name, int(found[f"gamma_{name}"])),
                round(
                    float(found[f"mw_{name}"])
                    + float(found.get(f"mw_tf_adj_{name}") or 0),
                    2,
                ),
            )
            for name in COMPARISONS
        )

    def _judged(self, scorer: Scorer, weight: float) -> str:
        veto = scorer.veto_of("one_person", "other_person")
        if veto:
            return f"weight {weight:.1f}, but {veto}: no score links them"
        if weight >= self._model.link_weight:
            says = "linked"
        elif weight >= self._model.review_weight:
            says = "people are asked"
        else:
            says = "not linked"
        return (
            f"weight {weight:.1f}: {says} (links from {self._model.link_weight:.1f}, "
            f"asks from {self._model.review_weight:.1f}, model {self._model.version})"
        )


def _column(kind: str) -> str:
    return kind if kind in {"phone", "email", "national_id"} else "record_id"


def _level(comparison: str, gamma: int) -> str:
    """Return the label of a level; Splink counts them from the last, empty as -1."""
    if gamma < 0:
        return "one is empty"
    levels = COMPARISONS[comparison]
    return "no agreement" if gamma == 0 else levels[len(levels) - gamma].label


def _neighbours(links: Sequence[Link]) -> dict[str, list[tuple[str, Link]]]:
    found: dict[str, list[tuple[str, Link]]] = defaultdict(list)
    for link in links:
        found[link.left_record_id].append((link.right_record_id, link))
        found[link.right_record_id].append((link.left_record_id, link))
    return found


def _tree(links: Sequence[Link], root: str) -> list[Link]:
    """Return links that reach every record from the first, by the fewest steps."""
    neighbours, reached, due = _neighbours(links), {root}, deque([root])
    tree = []
    while due:
        for record, link in neighbours[due.popleft()]:
            if record not in reached:
                reached.add(record)
                due.append(record)
                tree.append(link)
    return tree


def _path(links: Sequence[Link], start: str, end: str) -> list[Link]:
    """Return the fewest links that lead from one record to another."""
    neighbours, due = _neighbours(links), deque([start])
    came: dict[str, tuple[str, Link] | None] = {start: None}
    while due:
        here = due.popleft()
        for record, link in neighbours[here]:
            if record not in came:
                came[record] = (here, link)
                due.append(record)
    path = []
    step = came.get(end)
    while step:
        path.append(step[1])
        step = came[step[0]]
    return path[::-1]
