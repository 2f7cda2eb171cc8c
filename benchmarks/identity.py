"""How right, how fast and how steady identity is.

    python benchmarks/identity.py [--scale small|full] [--json]

1. A heavily soiled bank (another seed than the shipped model and its thresholds come
   from): pairs and B-cubed against the truth, and against what any method could find
   (benchmarks/_ceiling.py).
2. The same bank from normalised records to published keys, in a process of its own on two
   threads; beside it Splink alone: its pairs and its clusters of the same records. Then a
   night in which 1 % of the records are new.
3. Thirty nights of a smaller bank with arrivals, deletions, merges, splits and corrections:
   after each the partition is held against one full run over the same records, and every
   record whose key changed needs an event.
4. FEBRL 3 without its social security numbers, by the product's commands and a contract;
   model and thresholds come from FEBRL 2. At full scale only.
"""

from __future__ import annotations

import json
import os
import resource
import shutil
import subprocess
import sys
import time
from datetime import date, timedelta
from pathlib import Path

import duckdb

ROOT = Path(__file__).resolve().parents[1]
# In place of this folder, whose profile.py is not the one that libraries look for.
sys.path[0] = str(ROOT)

from benchmarks._ceiling import ceiling_pairs  # noqa: E402
from benchmarks._febrl import write_febrl_bank  # noqa: E402
from benchmarks._identity_bank import (  # noqa: E402
    DAY,
    INPUTS,
    bring_in,
    change_night,
    hold_back,
    normalised_bank,
    opened,
)
from benchmarks._runs import Found, in_a_child, of_paths, run  # noqa: E402
from identity.accuracy import measured, read_truth  # noqa: E402
from identity.linkage import (  # noqa: E402
    Scorer,
    block_columns,
    limits_of,
    uncrowded_columns,
)
from identity.model import Rules, load_model  # noqa: E402
from identity.resolve import open_persons, resolve  # noqa: E402

DUE_PRECISION, DUE_RECALL_OF_CEILING = 0.995, 0.97
DUE_FULL_SECONDS, DUE_PEAK_GIB, DUE_NIGHT_TO_FULL = 60.0, 4.0, 0.1
DUE_FEBRL_F1 = 0.99
CUSTOMERS = {"full": 280_000, "small": 1_000}
STEADY_CUSTOMERS = {"full": 8_000, "small": 300}
NIGHTS = {"full": 30, "small": 3}
SEED = 21
SECRET = b"b" * 32


def timed_full(inputs: Path, work: Path) -> dict[str, float]:
    """Return seconds and peak of a full run, and of a night with 1 % new records."""
    rules = Rules(load_model())
    with opened(inputs, work) as connection:
        hold_back(connection, "hash(record_id) % 100 = 7")
        started = time.perf_counter()
        resolve(connection, DAY, SECRET, rules)
        full = time.perf_counter() - started
        peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 2**20
        connection.execute("checkpoint")
        new = bring_in(connection)
        started = time.perf_counter()
        resolve(connection, DAY + timedelta(days=1), SECRET, rules)
        night = time.perf_counter() - started
        records = connection.execute(
            "select count(*), (select count(*) from intermediate.int_person_records) "
            "from intermediate.int_records"
        ).fetchall()[0]
    return {
        "records": records[0],
        "person_records": records[1],
        "full_seconds": round(full, 2),
        "peak_gib": round(peak, 2),
        "new_records": new,
        "night_seconds": round(night, 2),
    }


def timed_splink(inputs: Path, work: Path) -> dict[str, float]:
    """Return the seconds of Splink's own pairs and clusters of the same records."""
    model = load_model()
    with opened(inputs, work) as connection:
        connection.execute(
            "create schema identity; create table identity.blocked_identifiers as "
            "select identifier_kind, identifier_value, count(*) as record_count "
            "from intermediate.int_record_identifiers inner join policy.identifier_caps "
            "using (identifier_kind) group by identifier_kind, identifier_value, max_records "
            "having count(*) > max_records"
        )
        open_persons(connection)
        connection.execute(
            f"create table persons as select *, {block_columns()} from unblocked_persons"
        )
        _leave_crowds_out(connection)
        started = time.perf_counter()
        scorer = Scorer(connection, model, "persons")
        linker = scorer._linker
        pairs = linker.inference.predict_within(
            scorer._api.register("persons"),
            threshold_match_weight=model.review_weight,
            warning_mode="never",
        )
        linker.clustering.cluster_pairwise_predictions_at_threshold(
            pairs, threshold_match_weight=model.link_weight
        )
        seconds = time.perf_counter() - started
    return {"splink_alone_seconds": round(seconds, 2)}


def _leave_crowds_out(connection: duckdb.DuckDBPyConnection) -> None:
    """Leave out the same keys as the product does: Splink would never end else."""
    keys = uncrowded_columns(limits_of(connection))
    connection.execute(
        f"create or replace table persons as select * replace ({keys}) from persons"
    )


def accuracy_of(root: Path, work: Path) -> dict[str, float]:
    """Return how right the partition in a database is, and the ceiling."""
    with duckdb.connect(str(work)) as connection:
        read_truth(connection, root / "truth" / "who_is_who.csv")
        connection.execute(
            "create temp table found as "
            "select record_id, customer_key from identity.customer_identity"
        )
        connection.execute(
            "delete from truth where record_id not in (select record_id from found)"
        )
        right = measured(connection, "found", "truth")
        truth = connection.execute("from truth").fetchdf()
    findable, due = ceiling_pairs(root, DAY.isoformat(), truth)
    return {
        "judged_records": right.records,
        "pair_precision": round(right.precision, 5),
        "pair_recall": round(right.recall, 5),
        "ceiling_recall": round(findable / due, 5),
        "recall_of_ceiling": round(right.recall * due / findable, 5),
        "b_cubed_f1": round(right.b_cubed_f1, 5),
        "clusters_of_two_people": right.mixed,
    }


def same_partition(
    one: duckdb.DuckDBPyConnection, other: duckdb.DuckDBPyConnection
) -> bool:
    """Whether two bridges have the same records as the same customers."""
    query = "select record_id, customer_key from identity.customer_identity order by record_id"
    names: dict[str, str] = {}
    left, right = one.execute(query).fetchall(), other.execute(query).fetchall()
    if len(left) != len(right):
        return False
    for (record, key), (twin, twin_key) in zip(left, right, strict=True):
        if record != twin or (key is None) != (twin_key is None):
            return False
        if key is not None and names.setdefault(key, twin_key) != twin_key:
            return False
    return len(set(names.values())) == len(names)


def steady(inputs: Path, root: Path, nights: int) -> dict[str, float]:
    """Return how often thirty nights differed from full runs, or keys moved in silence."""
    rules = Rules(load_model())
    wrong = silent = stray = events = 0
    with opened(inputs, root / "steady.duckdb") as connection:
        hold_back(connection, "hash(record_id) % 10 = 3")
        resolve(connection, DAY, SECRET, rules)
        for night in range(1, nights + 1):
            connection.execute(
                "create or replace temp table last_night as from identity.customer_identity"
            )
            change_night(connection, night)
            on = DAY + timedelta(days=night)
            resolve(connection, on, SECRET, rules)
            wrong += not _equals_full(connection, rules, on)
            silent += _silent_changes(connection, on)
            stray += _stray_redirects(connection)
        events = connection.execute(
            "select count(*) filter (where event_code <> 'born') from identity.key_event"
        ).fetchall()[0][0]
    return {
        "nights": nights,
        "nights_unlike_a_full_run": wrong,
        "key_events": events,
        "key_changes_without_event": silent,
        "redirects_astray": stray,
    }


def _equals_full(connection: duckdb.DuckDBPyConnection, rules: Rules, on: date) -> bool:
    """Whether a run over everything, knowing nothing of before, has the same customers."""
    with duckdb.connect() as fresh:
        fresh.execute("create schema intermediate; create schema policy")
        for table in INPUTS:
            arrow = connection.execute(f"from {table}").to_arrow_table()
            fresh.register("arrow", arrow)
            fresh.execute(f"create table {table} as from arrow")
            fresh.unregister("arrow")
        resolve(fresh, on, SECRET, rules)
        return same_partition(connection, fresh)


def _silent_changes(connection: duckdb.DuckDBPyConnection, on: date) -> int:
    """Return how many customers lost or gained a core record without an event."""
    rows = connection.execute(
        "with moved as (select before.customer_key as old_key, now.customer_key as new_key "
        "from last_night as before inner join identity.customer_identity as now "
        "on before.record_id = now.record_id "
        "where before.customer_key is distinct from now.customer_key "
        "and before.record_kind = 'core_customer' and before.customer_key is not null), "
        "told as (select customer_key from identity.key_event where business_date = ? "
        "union select other_customer_key from identity.key_event where business_date = ?) "
        "select count(*) from moved where old_key not in (select customer_key from told "
        "where customer_key is not null) and new_key not in (select customer_key from told "
        "where customer_key is not null)",
        [on, on],
    ).fetchall()
    return int(rows[0][0])


def _stray_redirects(connection: duckdb.DuckDBPyConnection) -> int:
    """Return retired keys that lead neither to one living key nor to a marker."""
    rows = connection.execute(
        "select count(*) from identity.customer_keys as keys where not is_living and "
        "(select count(*) from identity.key_redirect as redirects "
        "left join identity.customer_keys as living "
        "on redirects.living_key = living.customer_key "
        "where redirects.retired_key = keys.customer_key and (coalesce(living.is_living, "
        "false) or (redirects.living_key is null and redirects.state_code in "
        "('erased', 'held_back')))) <> 1"
    ).fetchall()
    return int(rows[0][0])


def febrl(root: Path) -> dict[str, float]:
    """Return the accuracy on FEBRL 3, by contract, landing, night and report."""
    banks = {}
    for number in (2, 3):
        folder = root / f"febrl{number}"
        folder.mkdir()
        write_febrl_bank(folder, number)
        banks[number] = folder
    _passbook(banks[2], "night", "--date", DAY.isoformat())
    trained = json.loads(
        _passbook(
            banks[2],
            "identity",
            "train",
            "--json",
            "--truth",
            str(banks[2] / "truth.csv"),
        )
    )[0]
    shutil.copytree(
        banks[2] / "home" / "identity" / "models",
        banks[3] / "home" / "identity" / "models",
    )
    _passbook(banks[3], "identity", "use", trained["version"])
    _passbook(banks[3], "night", "--date", DAY.isoformat())
    told = json.loads(
        _passbook(
            banks[3],
            "identity",
            "report",
            "--json",
            "--truth",
            str(banks[3] / "truth.csv"),
        )
    )
    found = {r["figure"]: r["value"] for r in told if r["subject"] == "accuracy"}
    return {f"febrl3_{name}": found[name] for name in ("precision", "recall", "f1")}


def _passbook(root: Path, *words: str) -> str:
    environment = {
        **os.environ,
        "PASSBOOK_HOME": str(root / "home"),
        "PASSBOOK_EXTRACTS": str(root / "extracts"),
        "PASSBOOK_CONTRACTS": str(root / "contracts"),
        "PASSBOOK_COUNTRY": "AU",
    }
    command = [str(Path(sys.executable).with_name("passbook")), *words]
    done = subprocess.run(
        command, env=environment, stdout=subprocess.PIPE, text=True, check=True
    )
    return done.stdout


def shortfalls(found: dict[str, float]) -> list[str]:
    """Return the due figures that were missed."""
    missed = []
    if found["pair_precision"] < DUE_PRECISION:
        missed.append(f"pair_precision >= {DUE_PRECISION}")
    if found["recall_of_ceiling"] < DUE_RECALL_OF_CEILING:
        missed.append(f"recall_of_ceiling >= {DUE_RECALL_OF_CEILING}")
    if found["full_seconds"] > DUE_FULL_SECONDS:
        missed.append(f"full_seconds <= {DUE_FULL_SECONDS}")
    if found["peak_gib"] > DUE_PEAK_GIB:
        missed.append(f"peak_gib <= {DUE_PEAK_GIB}")
    if found["night_to_full"] > DUE_NIGHT_TO_FULL:
        missed.append(f"night_to_full <= {DUE_NIGHT_TO_FULL}")
    if found["febrl3_f1"] < DUE_FEBRL_F1:
        missed.append(f"febrl3_f1 >= {DUE_FEBRL_F1}")
    for none in (
        "clusters_of_two_people",
        "nights_unlike_a_full_run",
        "key_changes_without_event",
        "redirects_astray",
    ):
        if found[none]:
            missed.append(f"{none} = 0")
    return missed


def measure(scale: str, root: Path) -> Found:
    """Return all figures and ratios."""
    big = root / "big"
    big.mkdir()
    inputs = normalised_bank(big, CUSTOMERS[scale], SEED)
    figures = in_a_child("full", inputs, root / "work.duckdb")
    figures |= in_a_child("splink", inputs, root / "splink.duckdb")
    figures |= accuracy_of(big, root / "work.duckdb")
    small = root / "small"
    small.mkdir()
    steady_inputs = normalised_bank(small, STEADY_CUSTOMERS[scale], SEED + 1)
    figures |= steady(steady_inputs, small, NIGHTS[scale])
    if scale == "full":
        figures |= febrl(root)
    ratios = {
        "night_to_full": figures["night_seconds"] / figures["full_seconds"],
        "full_to_splink_alone": figures["full_seconds"]
        / figures["splink_alone_seconds"],
    }
    title = f"Identity, {figures['records']:,} records"
    return Found(title, figures, ratios)


if __name__ == "__main__":
    parts = {"full": of_paths(timed_full), "splink": of_paths(timed_splink)}
    sys.exit(run("identity", __doc__, CUSTOMERS, measure, shortfalls, parts))
