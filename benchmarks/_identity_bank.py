"""Banks for the identity benchmark: landed and normalised, and changed night by night."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from datetime import date
from pathlib import Path

import duckdb

from benchmarks._sample_nights import land_sample, open_bank, run_until_identity
from ingestion.sample import SampleSpec

DAY = date(2026, 3, 1)
INPUTS = (
    "intermediate.int_records",
    "intermediate.int_record_identifiers",
    "intermediate.int_person_records",
    "policy.identifier_caps",
    "policy.identifier_blocklist",
    "policy.identity_limits",
)
_PERSON = (
    "full_name, family_name, given_name, birth_date, sex_code, national_id, "
    "is_national_id_valid, phone, email, address, address_parts, city_name"
)


def normalised_bank(root: Path, customers: int, seed: int) -> Path:
    """Return a database of what the identity step reads of a heavily soiled bank.

    It comes the product's own way: sample, landing, checks, dbt up to identity.
    """
    bank = open_bank(root)
    spec = SampleSpec(customers=customers, days=1, start=DAY, seed=seed, dirt="heavy")
    land_sample(bank, spec, root)
    candidate = bank.editions.new_candidate(from_base=False)
    run_until_identity(bank, candidate.database, DAY)
    return _inputs_alone(candidate.database, root / "inputs.duckdb")


def _inputs_alone(source: Path, target: Path) -> Path:
    with duckdb.connect(str(target)) as connection:
        connection.execute(f"attach '{source}' as candidate (read_only)")
        connection.execute("create schema intermediate; create schema policy")
        for table in INPUTS:
            connection.execute(f"create table {table} as from candidate.{table}")
    return target


@contextmanager
def opened(
    inputs: Path, work: Path, memory: str = "3GB"
) -> Iterator[duckdb.DuckDBPyConnection]:
    """Open a database that starts with the inputs, on two threads."""
    config = {"storage_compatibility_version": "v1.5.0"}
    with duckdb.connect(str(work), config=config) as connection:
        connection.execute(f"set threads = 2; set memory_limit = '{memory}'")
        connection.execute("set checkpoint_threshold = '2GB'")
        connection.execute(f"attach '{inputs}' as inputs (read_only)")
        connection.execute("create schema intermediate; create schema policy")
        for table in INPUTS:
            connection.execute(f"create table {table} as from inputs.{table}")
        connection.execute("detach inputs")
        yield connection


def fingerprint_again(connection: duckdb.DuckDBPyConnection) -> None:
    """Give changed records the fingerprints that dbt would, and each identifier once."""
    connection.execute(
        "create or replace table intermediate.int_record_identifiers as "
        "select distinct * from intermediate.int_record_identifiers"
    )
    connection.execute(
        "create or replace table intermediate.int_person_records as select * replace "
        f"(hash({_PERSON}) as person_fingerprint) from intermediate.int_person_records"
    )
    connection.execute(
        "create or replace table intermediate.int_records as select records.* exclude "
        "(fingerprint), coalesce(told.fingerprint, 0) as fingerprint "
        "from intermediate.int_records as records left join (select record_id, "
        "bit_xor(fingerprint) as fingerprint from (select record_id, "
        "hash(identifier_kind, identifier_value) as fingerprint "
        "from intermediate.int_record_identifiers union all "
        "select record_id, person_fingerprint from intermediate.int_person_records) "
        "group by record_id) as told on records.record_id = told.record_id"
    )


def hold_back(connection: duckdb.DuckDBPyConnection, where: str) -> None:
    """Move the records that meet a condition aside, as if they had not come yet."""
    for name in ("int_records", "int_record_identifiers", "int_person_records"):
        table = f"intermediate.{name}"
        connection.execute(
            f"create table if not exists later_{name} as from {table} limit 0"
        )
        connection.execute(f"insert into later_{name} from {table} where {where}")
        connection.execute(f"delete from {table} where {where}")


def bring_in(connection: duckdb.DuckDBPyConnection, where: str = "true") -> int:
    """Bring in records that were held back; return how many."""
    count = connection.execute(
        f"select count(*) from later_int_records where {where}"
    ).fetchall()[0][0]
    for name in ("int_records", "int_record_identifiers", "int_person_records"):
        connection.execute(
            f"insert into intermediate.{name} from later_{name} where {where}"
        )
        connection.execute(f"delete from later_{name} where {where}")
    return int(count)


def change_night(connection: duckdb.DuckDBPyConnection, night: int) -> None:
    """Do to a bank what a night does: arrivals, deletions, merges, splits, corrections."""

    def some(salt: str, one_in: int) -> str:
        return f"hash(record_id || '{salt}{night}') % {one_in} = 0"

    identifiers = "intermediate.int_record_identifiers"
    persons = "intermediate.int_person_records"
    bring_in(connection, some("arrives", 3))
    hold_back(connection, some("goes", 200))
    # Merges: a core record takes the national id of the next one; splits: ids go.
    connection.execute(
        f"insert into {identifiers} select distinct record_id, 'national_id', next_value "
        "from (select record_id, lead(identifier_value) over (order by record_id) as "
        f"next_value from {identifiers} where identifier_kind = 'national_id') "
        f"where next_value is not null and {some('merges', 500)}"
    )
    connection.execute(
        f"delete from {identifiers} where identifier_kind = 'national_id' "
        f"and {some('splits', 150)}"
    )
    connection.execute(
        f"update {persons} set is_national_id_valid = false where {some('splits', 150)}"
    )
    # Corrections: a phone goes to another person, an address or a name is mended.
    connection.execute(
        f"create or replace temp table moved_phones as select record_id, lag(phone) over "
        f"(order by record_id) as phone from {persons} where {some('phone', 60)}"
    )
    connection.execute(
        f"update {persons} as persons set phone = moved.phone from moved_phones as moved "
        "where persons.record_id = moved.record_id"
    )
    connection.execute(
        f"delete from {identifiers} where identifier_kind = 'phone' and record_id in "
        "(select record_id from moved_phones)"
    )
    connection.execute(
        f"insert into {identifiers} select record_id, 'phone', phone from moved_phones "
        "where phone is not null"
    )
    connection.execute(
        f"update {persons} set address = null, address_parts = null, "
        f"address_numbers = null where {some('address', 120)}"
    )
    fingerprint_again(connection)
