"""The identity step: records to customers, in a candidate, by strong identifiers."""

from __future__ import annotations

import hmac
from dataclasses import dataclass
from datetime import date
from pathlib import Path

import duckdb
import pyarrow as pa

from identity.components import label_components

_SQL = Path(__file__).with_name("sql")
# What must outlive a candidate that is built anew: without it keys would change.
KEPT_TABLES = (
    "customer_identity",
    "customer_keys",
    "key_event",
    "key_redirect",
    "normalised_values",
)


@dataclass(frozen=True)
class Resolved:
    """What one identity step came to."""

    records: int
    customers: int
    born: int
    merged: int
    split: int
    vanished: int
    blocked: int
    unattributed: int


def resolve(
    connection: duckdb.DuckDBPyConnection, as_of: date, secret: bytes
) -> Resolved:
    """Rewrite `identity.*` of a candidate from its records and identifiers.

    Reads `intermediate.int_records`, `intermediate.int_record_identifiers`, the
    policy seeds and the identity that the candidate came with. A key that lived before
    lives on or leaves an event and a redirect; a second run changes nothing. Keys are
    HMACs of `secret`, so the same lake and secret give the same keys.
    """
    connection.execute("create schema if not exists identity")
    connection.execute(_sql("01_blocked"))
    label_components(connection, edges="edges", nodes="nodes", result="components")
    connection.execute(
        "create or replace temp table known_components as "
        "select distinct components.component from components "
        "inner join nodes on components.node = nodes.node "
        "where nodes.record_kind = 'core_customer'"
    )
    connection.execute(_sql("02_guests"))
    connection.execute("insert into edges by name select * from guest_edges")
    label_components(connection, edges="edges", nodes="nodes", result="components")
    connection.execute(
        "create or replace temp table known_components as "
        "select distinct components.component from components "
        "inner join nodes on components.node = nodes.node "
        "where nodes.record_kind in ('core_customer', 'login')"
    )
    connection.execute(_sql("03_contacts"))
    connection.execute(_sql("04_keys"))
    _name_newborns(connection, secret)
    before = _event_count(connection)
    _publish(connection, as_of)
    connection.execute(_sql("06_relationships"))
    return _summary(connection, before)


def _sql(name: str) -> str:
    return (_SQL / f"{name}.sql").read_text(encoding="utf-8")


def _publish(connection: duckdb.DuckDBPyConnection, as_of: date) -> None:
    for statement in connection.extract_statements(_sql("05_publish")):
        needs_date = "as_of" in statement.named_parameters
        connection.execute(statement, {"as_of": as_of} if needs_date else None)


def _name_newborns(connection: duckdb.DuckDBPyConnection, secret: bytes) -> None:
    """Make temp table `new_keys`: an opaque key for each customer without one."""
    newborns = connection.execute(
        "select component, seed_record_id, birth_order from newborns "
        "order by birth_order"
    ).fetchall()
    taken = connection.execute(
        "select customer_key, key_number from identity.customer_keys"
    ).fetchall()
    known = {key for key, _ in taken}
    number = max((n for _, n in taken), default=0)
    keys = []
    for _, seed, _ in newborns:
        key = _free_key(seed, secret, known)
        known.add(key)
        keys.append(key)
    table = pa.table(
        {
            "component": pa.array([c for c, _, _ in newborns], pa.int64()),
            "customer_key": pa.array(keys, pa.string()),
            "key_number": pa.array([number + o for _, _, o in newborns], pa.int64()),
        }
    )
    connection.register("new_keys_arrow", table)
    connection.execute(
        "create or replace temp table new_keys as select * from new_keys_arrow"
    )
    connection.unregister("new_keys_arrow")


def _free_key(seed: str, secret: bytes, known: set[str]) -> str:
    generation = 0
    while True:
        text = f"customer\0{seed}\0{generation}".encode()
        key = "C" + hmac.digest(secret, text, "sha256").hex()[:16].upper()
        if key not in known:
            return key
        generation += 1


def _event_count(connection: duckdb.DuckDBPyConnection) -> int:
    return _number(connection, "select count(*) from identity.key_event")


def _number(connection: duckdb.DuckDBPyConnection, query: str) -> int:
    rows = connection.execute(query).fetchall()
    return int(rows[0][0])


def _summary(connection: duckdb.DuckDBPyConnection, before: int) -> Resolved:
    events = dict(
        connection.execute(
            "select event_code, count(*) from "
            "(select event_code from identity.key_event offset ?) group by event_code",
            [before],
        ).fetchall()
    )
    bridge = "select count(*) from identity.customer_identity"
    return Resolved(
        records=_number(connection, bridge),
        customers=_number(
            connection,
            "select count(distinct customer_key) from identity.customer_identity",
        ),
        born=events.get("born", 0),
        merged=events.get("merged", 0),
        split=events.get("split", 0),
        vanished=events.get("vanished", 0),
        blocked=_number(
            connection, "select count(*) from identity.blocked_identifiers"
        ),
        unattributed=_number(connection, f"{bridge} where customer_key is null"),
    )
