"""The ledger holds the latest outcome of each step, subject and date."""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

from warehouse.ledger import Ledger, Outcome


def test_the_latest_outcome_stands(tmp_path: Path) -> None:
    ledger = Ledger(tmp_path)
    assert ledger.read("land", "atm.x", "2026-03-01") is None
    ledger.write(Outcome("land", "atm.x", "2026-03-01", "refused", message="为什么"))
    second = ledger.write(
        Outcome("land", "atm.x", "2026-03-01", "landed", rows_in=3, details={"a": [1]})
    )
    assert ledger.read("land", "atm.x", "2026-03-01") == second
    assert second.finished_at
    assert list(ledger.all()) == [second]


def test_outcomes_come_in_order_of_step_subject_and_date(tmp_path: Path) -> None:
    ledger = Ledger(tmp_path)
    places = [
        ("land", "b", "2026-03-01"),
        ("check", "a", "history"),
        ("land", "a", "2026-03-02"),
        ("land", "a", "2026-03-01"),
    ]
    for place in places:
        ledger.write(Outcome(*place, verdict="pass"))
    found = [(o.step, o.subject, o.business_date) for o in ledger.all()]
    assert found == sorted(places)


def test_writers_at_once_leave_whole_outcomes_only(tmp_path: Path) -> None:
    ledger = Ledger(tmp_path)

    def write(number: int) -> None:
        place = ("land", f"f{number % 3}", "2026-03-01")
        ledger.write(Outcome(*place, verdict="landed", rows_in=number))

    with ThreadPoolExecutor(8) as pool:
        list(pool.map(write, range(60)))
    assert [o.subject for o in ledger.all()] == ["f0", "f1", "f2"]
    assert sum(1 for p in tmp_path.rglob("*") if p.is_file()) == 3
