"""The scores that Splink gives with a linkage model."""

from __future__ import annotations

import logging
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from typing import Any

import duckdb
import pyarrow as pa
from splink import DuckDBAPI, Linker, SettingsCreator
from splink.internals.splink_dataframe import SplinkDataFrame

from identity.comparisons import (
    BLOCKS,
    VETOES,
    block_limit,
    block_rules,
    splink_comparisons,
)
from identity.model import LinkageModel
from ingestion.identifiers import quoted, text_literal

TERM_COLUMN = "full_name"
# Two sums of the same weights in another order may differ behind this.
_WEIGHT_DIGITS = 6
_ROW_GROUP = 122_880


def untrained_settings() -> dict[str, Any]:
    """Return Splink's settings with the values that training starts at."""
    creator = SettingsCreator(
        link_type="dedupe_only",
        unique_id_column_name="record_id",
        probability_two_random_records_match=1e-6,
        comparisons=[*splink_comparisons()],
        blocking_rules_to_generate_predictions=[
            {"blocking_rule": rule} for rule in block_rules()
        ],
        retain_matching_columns=False,
        retain_intermediate_calculation_columns=False,
    )
    settings: dict[str, Any] = creator.create_settings_dict("duckdb")
    return settings


def block_columns() -> str:
    """Return SQL of the key column of each block; null where a part of it is."""
    return ", ".join(
        f"case when {' and '.join(f'{c} is not null' for c in columns)} then "
        f"hash({', '.join(columns)}) end as block_{name}"
        for name, columns in BLOCKS.items()
    )


def limits_of(connection: duckdb.DuckDBPyConnection) -> dict[str, int]:
    """Return the policy's limits by name."""
    return dict(
        connection.execute(
            "select limit_name, limit_value from policy.identity_limits"
        ).fetchall()
    )


def uncrowded_columns(limits: Mapping[str, int]) -> str:
    """Return SQL of the key columns of a whole table, null where too many share one."""
    return ", ".join(
        f"case when count(*) over (partition by block_{name}) "
        f"<= {limits[block_limit(name)]} then block_{name} end as block_{name}"
        for name in BLOCKS
    )


class Scorer:
    """Scores pairs of person records that are tables of one connection.

    A table has the columns that are compared and the key columns of the blocks.
    """

    def __init__(
        self, connection: duckdb.DuckDBPyConnection, model: LinkageModel, shape: str
    ) -> None:
        """Make ready for tables of the shape of table `shape`."""
        self._connection = connection
        self._model = model
        self._api = DuckDBAPI(connection=connection)
        self._linker = Linker(
            self._api.register(shape), dict(model.splink), validate_settings=False
        )
        # Splink sets its own level whenever a linker is made.
        logging.getLogger("splink").setLevel(logging.ERROR)
        self._register_terms()

    def _register_terms(self) -> None:
        terms = self._model.term_frequencies
        table = pa.table(
            {
                TERM_COLUMN: pa.array(terms.keys(), pa.string()),
                f"tf_{TERM_COLUMN}": pa.array(terms.values(), pa.float64()),
            }
        )
        self._connection.register("model_terms", table)
        self._connection.execute(
            "create or replace temp table term_frequencies as from model_terms"
        )
        self._connection.unregister("model_terms")
        self._linker.table_management.register_term_frequency_lookup(
            self._api.register("term_frequencies"), TERM_COLUMN
        )

    def score(self, persons: str, result: str) -> None:
        """Make temp table `result`: the pairs from `review_weight` on.

        They are of two records of table `persons` that share a key, at least one of
        which `is_rescored`. `veto_code` says what forbids to link them.
        """
        some = f"{persons}_rescored"
        self._connection.execute(
            f"create or replace temp view {quoted(some)} as "
            f"from {quoted(persons)} where is_rescored"
        )
        with _in_small_tasks(self._connection, persons):
            found = self._linker.inference.predict_between(
                self._api.register(some),
                self._api.register(persons),
                blocking_rules_to_generate_predictions=[
                    f"{rule} and (not r.is_rescored or l.record_id < r.record_id)"
                    for rule in block_rules()
                ],
                threshold_match_weight=self._model.review_weight,
                warning_mode="never",
            )
            self._keep(found, persons, result)

    def _keep(self, found: SplinkDataFrame, persons: str, result: str) -> None:
        """Name the columns, order each pair, and say what forbids it."""
        self._connection.execute(
            f"create or replace temp table {quoted(result)} as "
            f"select least(record_id_l, record_id_r) as left_record_id, "
            f"greatest(record_id_l, record_id_r) as right_record_id, "
            f"round(match_weight, {_WEIGHT_DIGITS}) as match_weight, "
            f"{_veto(self._model.vetoes)} as veto_code "
            f"from ({_paired(found.physical_name, persons)})"
        )
        found.drop_table_from_database_and_remove_from_cache()

    def compared(self, one: str, other: str) -> dict[str, Any]:
        """Return how the one record of a table compares with that of another.

        Splink's columns: `match_weight`, and `gamma_<comparison>` (the level reached,
        -1 where a side is empty) and `mw_<comparison>` (what it adds) of each.
        """
        found = self._linker.inference.score_pairs(
            self._api.register(one), self._api.register(other)
        )
        cursor = self._connection.execute(f"from {quoted(found.physical_name)}")
        names = [d[0] for d in cursor.description or []]
        return dict(zip(names, cursor.fetchall()[0], strict=True))

    def veto_of(self, one: str, other: str) -> str | None:
        """Return what forbids to link the one record of a table and that of another."""
        self._connection.execute(
            "create or replace temp table asked_pair as select one.record_id as "
            "record_id_l, other.record_id as record_id_r, 0.0 as match_weight "
            f"from {quoted(one)} as one cross join {quoted(other)} as other"
        )
        self._connection.execute(
            "create or replace temp view scored_persons as "
            f"from {quoted(one)} union all from {quoted(other)}"
        )
        pair = _paired("asked_pair", "scored_persons")
        rows = self._connection.execute(
            f"select {_veto(self._model.vetoes)} from ({pair})"
        ).fetchall()
        veto: str | None = rows[0][0]
        return veto


@contextmanager
def _in_small_tasks(
    connection: duckdb.DuckDBPyConnection, table: str
) -> Iterator[None]:
    """Let all threads work on a table that has not a row group for each.

    DuckDB gives 122,880 rows to one thread, and a night has about as many pairs. The
    setting is its own tests', and is known to SQL alone; with larger tables it would
    read each segment again for every 2,048 rows.
    """
    rows, threads = connection.execute(
        f"select count(*), current_setting('threads') from {quoted(table)}"
    ).fetchall()[0]
    if rows > threads * _ROW_GROUP:
        yield
        return
    connection.execute("pragma verify_parallelism")
    try:
        yield
    finally:
        connection.execute("pragma disable_verify_parallelism")


def _veto(names: Sequence[str]) -> str:
    """Return SQL of the first of some vetoes that holds for a pair."""
    cases = " ".join(f"when {VETOES[n]} then {text_literal(n)}" for n in names)
    return f"case {cases} end" if names else "cast(null as varchar)"


_VETO_COLUMNS = (
    "full_name",
    "family_name",
    "given_name",
    "national_id",
    "is_national_id_valid",
    "phone",
    "email",
    "address",
    "address_parts",
    "address_in_order",
)


def _paired(pairs: str, persons: str) -> str:
    """Return SQL of pairs with what their records say, as conditions name it."""
    columns = ", ".join(
        f"{side}.{c} as {c}_{side[0]}"
        for side in ("left_person", "right_person")
        for c in _VETO_COLUMNS
    )
    return (
        f"select pairs.record_id_l, pairs.record_id_r, pairs.match_weight, {columns} "
        f"from {quoted(pairs)} as pairs "
        f"inner join {quoted(persons)} as left_person "
        "on pairs.record_id_l = left_person.record_id "
        f"inner join {quoted(persons)} as right_person "
        "on pairs.record_id_r = right_person.record_id"
    )
