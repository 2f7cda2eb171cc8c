"""Who answers for whom in a large bank, and whose customers move when somebody leaves.

    python benchmarks/relationships.py [--scale small|full] [--json]

Half of the customers are named to a manager of their branch by the core, half to nobody;
the limits leave room. The two models that share them out are built by dbt. Then one
manager in twenty leaves and they are built again: customers of the others should stay
where they are. The ratio holds the customers of others who move against those that a
plain share-out would move, a customer's number modulo the people of its branch.
"""

from __future__ import annotations

import json
import sys
from datetime import date
from pathlib import Path

import duckdb

ROOT = Path(__file__).resolve().parents[1]
sys.path[0] = str(ROOT)

from benchmarks._runs import Found, run  # noqa: E402
from tests.integration.bank_runs import run_dbt  # noqa: E402

BRANCHES = {"full": 200, "small": 4}
PEOPLE = 10
CUSTOMERS_EACH = 500
AS_OF = date(2026, 3, 1)
DUE_SECONDS = 15
DUE_MOVED_RATIO = 0.02


def write_bank(database: Path, branches: int) -> None:
    """Write what the models read: who may answer, and who is to be answered for."""
    people = branches * PEOPLE
    with duckdb.connect(str(database)) as connection:
        connection.execute("create schema intermediate")
        connection.execute(
            "create table intermediate.int_relationship_managers as "
            "select 'E' || n as employee_id, 'B' || n // ? as department_id, "
            "cast(null as varchar) as team_id, 'B' || n // ? as pool_code, "
            "true as is_present from range(?) as people(n)",
            [PEOPLE, PEOPLE, people],
        )
        connection.execute(
            "create table intermediate.int_relationship_candidates as "
            "select 'C' || n as customer_key, 'core:' || n as anchor_record_id, "
            "cast('0x' || substr(md5('core:' || n), 1, 2) as integer) as slot, "
            "'ordinary' as tier, cast(? as bigint) as limit_count, "
            "'B' || n % ? as branch_id, date '2020-01-01' + cast(n % 2000 as integer) "
            "as since_date, 'B' || n % ? as pool_code, n // ? % 2 = 0 as is_named_here, "
            "case when n // ? % 2 = 0 then 'E' || (n % ? * ? + n // (2 * ?) % ?) end "
            "as named_employee_id from range(?) as customers(n)",
            [
                *(CUSTOMERS_EACH * 2, branches, branches, branches, branches),
                *(branches, PEOPLE, branches, PEOPLE, people * CUSTOMERS_EACH),
            ],
        )


def share_out(database: Path, folder: Path) -> float:
    """Build the models; return the seconds that they took."""
    models = ("int_relationship_choices", "relationship_assignments")
    done = run_dbt(database, AS_OF, folder, "run", "--select", *models)
    if done.returncode:
        raise RuntimeError(done.stdout)
    results = json.loads((folder / "target" / "run_results.json").read_text())
    return sum(float(r["execution_time"]) for r in results["results"])


def leave(database: Path) -> None:
    """Let one manager in twenty leave, and the core name those no more."""
    with duckdb.connect(str(database)) as connection:
        connection.execute(
            "create table before as select customer_key, employee_id "
            "from mart.relationship_assignments"
        )
        connection.execute(
            "update intermediate.int_relationship_managers set is_present = false "
            "where cast(substr(employee_id, 2) as integer) % 20 = 7"
        )
        connection.execute(
            "update intermediate.int_relationship_candidates set is_named_here = false "
            "where cast(substr(named_employee_id, 2) as integer) % 20 = 7"
        )


def moves(database: Path) -> dict[str, float]:
    """Return whose customers moved, and whose a plain share-out would have."""
    with duckdb.connect(str(database), read_only=True) as connection:
        row = connection.execute(
            "with left_now as (select employee_id, department_id "
            "from intermediate.int_relationship_managers where not is_present), "
            "compared as (select b.customer_key, b.employee_id as old, "
            "a.employee_id as new, a.branch_id, a.is_over_limit, "
            "a.named_employee_id is null as is_shared from before b "
            "inner join mart.relationship_assignments a using (customer_key)) "
            "select count(*), count(*) filter (where new is null), "
            "count(*) filter (where is_over_limit), "
            "count(*) filter (where old in (select employee_id from left_now)), "
            "count(*) filter (where old <> new "
            "and old not in (select employee_id from left_now)), "
            "count(*) filter (where is_shared "
            "and branch_id in (select department_id from left_now) "
            "and cast(substr(customer_key, 2) as bigint) % ? <> "
            "cast(substr(customer_key, 2) as bigint) % (? - 1)) from compared",
            [PEOPLE, PEOPLE],
        ).fetchone()
    names = ("customers", "answered_by_nobody", "over_limit", "of_those_who_left")
    names += ("of_others_moved", "of_others_moved_by_plain_share_out")
    return dict(zip(names, row or (), strict=True))


def measure(scale: str, folder: Path) -> Found:
    """Return all figures and ratios."""
    database = folder / "bank.duckdb"
    write_bank(database, BRANCHES[scale])
    seconds = share_out(database, folder)
    leave(database)
    share_out(database, folder)
    figures = {"seconds": round(seconds, 2), **moves(database)}
    ratio = figures["of_others_moved"] / figures["of_others_moved_by_plain_share_out"]
    return Found("Relationships", figures, {"moved_to_plain_share_out": ratio})


def shortfalls(found: dict[str, float]) -> list[str]:
    """Return what was due and is missed."""
    due = {
        f"seconds <= {DUE_SECONDS}": found["seconds"] <= DUE_SECONDS,
        "answered_by_nobody = 0": not found["answered_by_nobody"],
        f"moved_to_plain_share_out <= {DUE_MOVED_RATIO}": (
            found["moved_to_plain_share_out"] <= DUE_MOVED_RATIO
        ),
    }
    return [name for name, is_met in due.items() if not is_met]


if __name__ == "__main__":
    sys.exit(run("relationships", __doc__, BRANCHES, measure, shortfalls))
