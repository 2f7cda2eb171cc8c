"""The normal form of every value that a channel wrote, found once and kept."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence

import duckdb
import pyarrow as pa

from identity.addresses import normal_address
from identity.names import normal_name
from identity.normalise import NORMALISERS, national_id_as_typed

# One row per kind and raw value. `as_typed` is a national id before its checksum is
# judged; a name has its parts in Latin letters, an address its words
# and, of these, its numbers as one.
_SCHEMA = pa.schema(
    [
        ("identifier_kind", pa.string()),
        ("raw_value", pa.string()),
        ("normal_value", pa.string()),
        ("as_typed", pa.string()),
        ("family_name", pa.string()),
        ("given_name", pa.string()),
        ("parts", pa.list_(pa.string())),
        ("numbers", pa.string()),
    ]
)
_Entry = dict[str, object]


def open_dictionary(connection: duckdb.DuckDBPyConnection) -> None:
    """Make `identity.normalised_values` where it is missing."""
    connection.register("no_values", _SCHEMA.empty_table())
    connection.execute(
        "create table if not exists identity.normalised_values as from no_values"
    )
    connection.unregister("no_values")


def extend_dictionary(
    connection: duckdb.DuckDBPyConnection,
    sources: Mapping[str, Sequence[str]],
    country: str,
) -> None:
    """Add every value of the sources that is not known yet, with its normal form.

    `sources` are queries of one column, by the kind of identifier that it holds.
    """
    open_dictionary(connection)
    for kind, entry in _ENTRIES.items():
        if not sources.get(kind):
            continue
        values = _unknown(connection, kind, sources[kind])
        rows = [
            {"identifier_kind": kind, "raw_value": v, **entry(v, country)}
            for v in values
        ]
        connection.register("entries", pa.Table.from_pylist(rows, schema=_SCHEMA))
        connection.execute(
            "insert into identity.normalised_values by name from entries"
        )
        connection.unregister("entries")


def _unknown(
    connection: duckdb.DuckDBPyConnection, kind: str, sources: Sequence[str]
) -> list[str]:
    """Return the distinct values of the sources that have no entry, in order."""
    column = "select * from ({}) as source(raw_value)"
    united = " union all ".join(column.format(source) for source in sources)
    rows = connection.execute(
        f"select distinct raw_value from ({united}) where raw_value is not null "
        "and raw_value not in (select raw_value from identity.normalised_values "
        "where identifier_kind = ?) order by raw_value",
        [kind],
    ).fetchall()
    return [raw for (raw,) in rows]


def _plain(normalise: Callable[[str, str], str | None]) -> Callable[[str, str], _Entry]:
    return lambda raw, country: {"normal_value": normalise(raw, country)}


def _national_id(raw: str, country: str) -> _Entry:
    return {
        "normal_value": NORMALISERS["national_id"](raw, country),
        "as_typed": national_id_as_typed(raw),
    }


def _person_name(raw: str, country: str) -> _Entry:
    name = normal_name(raw, country)
    if name is None:
        return {}
    return {
        "normal_value": name.full,
        "family_name": name.family,
        "given_name": name.given,
    }


def _postal_address(raw: str, country: str) -> _Entry:
    address = normal_address(raw, country)
    if address is None:
        return {}
    numbers = [t for t in address.tokens if any(c.isdigit() for c in t)]
    return {
        "normal_value": address.text,
        "parts": list(address.tokens),
        "numbers": " ".join(numbers) or None,
    }


_ENTRIES: dict[str, Callable[[str, str], _Entry]] = {
    **{kind: _plain(normalise) for kind, normalise in NORMALISERS.items()},
    "national_id": _national_id,
    "person_name": _person_name,
    "postal_address": _postal_address,
}
