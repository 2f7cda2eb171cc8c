"""How right a partition is: pairs and B-cubed against a truth."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

import duckdb

from ingestion.identifiers import quoted


@dataclass(frozen=True)
class Accuracy:
    """Precision, recall and F1 of pairs, and B-cubed, of the records in both tables.

    `mixed` counts clusters that hold records of two people or more.
    """

    records: int
    people: int
    clusters: int
    precision: float
    recall: float
    f1: float
    b_cubed_precision: float
    b_cubed_recall: float
    b_cubed_f1: float
    mixed: int


def measured(connection: duckdb.DuckDBPyConnection, found: str, truth: str) -> Accuracy:
    """Return how the clusters of `found` meet the people of `truth`.

    `found(record_id, customer_key)` and `truth(record_id, person_id)` name a record
    once; what stands in one of them only is left out, and a record without a key is a
    cluster of its own.
    """
    row = connection.execute(
        f"""
        with cells as (
            select
                coalesce(found.customer_key, found.record_id) as cluster,
                truth.person_id as person,
                cast(count(*) as double) as n
            from {quoted(found)} as found
            inner join {quoted(truth)} as truth on found.record_id = truth.record_id
            group by cluster, person
        ),
        sized as (
            select
                *,
                sum(n) over (partition by cluster) as cluster_size,
                sum(n) over (partition by person) as person_size,
                count(*) over (partition by cluster) as people_in_cluster
            from cells
        )
        select
            sum(n),
            count(distinct person),
            count(distinct cluster),
            sum(n * (n - 1) / 2),
            (select sum(s * (s - 1) / 2) from (select sum(n) as s from cells
                group by cluster)),
            (select sum(s * (s - 1) / 2) from (select sum(n) as s from cells
                group by person)),
            sum(n * n / cluster_size) / sum(n),
            sum(n * n / person_size) / sum(n),
            count(distinct cluster) filter (where people_in_cluster > 1)
        from sized
        """
    ).fetchall()[0]
    records, people, clusters, both, claimed, due, b_precision, b_recall, mixed = row
    precision = _share(both, claimed)
    recall = _share(both, due)
    return Accuracy(
        int(records or 0),
        people,
        clusters,
        precision,
        recall,
        _f1(precision, recall),
        b_precision or 0.0,
        b_recall or 0.0,
        _f1(b_precision or 0.0, b_recall or 0.0),
        mixed,
    )


def _share(part: float | None, whole: float | None) -> float:
    return part / whole if part is not None and whole else 1.0


def _f1(precision: float, recall: float) -> float:
    both = precision + recall
    return 2 * precision * recall / both if both else 0.0


def read_truth(connection: duckdb.DuckDBPyConnection, path: Path) -> None:
    """Make temp table `truth(record_id, person_id)` of a file of truth.

    The file has `person_id, record_kind, record_value` as the sample bank writes it, or
    `record_id, person_id`. A record that several people have is left out: no answer
    about it is right. Cards follow their account and are left out too.
    """
    connection.execute(
        "create or replace temp table told as "
        "from read_csv(?, all_varchar = true, header = true)",
        [str(path)],
    )
    columns = {c for c, *_ in connection.execute("describe told").fetchall()}
    named = "record_id" if "record_id" in columns else _RECORD_ID
    connection.execute(
        "create or replace temp table truth as "
        f"select record_id, min(person_id) as person_id from (select {named} as "
        "record_id, person_id from told) where record_id is not null "
        "group by record_id having count(distinct person_id) = 1"
    )


_RECORD_ID = """
    case record_kind
        when 'core_customer' then 'core_banking:customer:' || record_value
        when 'login' then 'online_banking:login:' || record_value
        when 'phone' then 'phone:' || record_value
        when 'email' then 'email:' || record_value
    end
"""
