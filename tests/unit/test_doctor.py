"""The doctor finds what is damaged, with what mends it; in a whole bank, nothing."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import duckdb
import pytest

from tests.conftest import DAY, Channel, column, feed, key
from tests.damage import flip_a_bit
from warehouse.bank import Bank
from warehouse.doctor import examine
from warehouse.editions import DATABASE
from warehouse.settings import load_settings
from warehouse.stations import check_channel, land_channel


@pytest.fixture
def bank(channel: Channel) -> Bank:
    """A bank of one channel with a landed day and an edition."""
    columns = [key(), column("note")]
    channel.agree(feed("f", columns, {"format": "csv", "path": "f.csv"}))
    channel.deliver(b"id,note\n1,n\n2,n\n")
    bank = Bank(
        load_settings(
            {
                "PASSBOOK_HOME": str(channel.root / "home"),
                "PASSBOOK_EXTRACTS": str(channel.root / "extracts"),
                "PASSBOOK_CONTRACTS": str(channel.root / "contracts"),
            }
        )
    )
    land_channel(bank, "c", DAY)
    check_channel(bank, "c", DAY)
    with bank.editions.writing():
        candidate = bank.editions.new_candidate()
        with duckdb.connect(str(candidate.database)) as connection:
            connection.execute("create table t as select 1 as n")
            connection.execute("checkpoint")
        bank.editions.publish(candidate, DAY.isoformat(), (), 7)
    return bank


def test_in_a_whole_bank_nothing_is_found(bank: Bank) -> None:
    examined = examine(bank)
    assert examined.findings == ()
    assert (examined.editions, examined.partitions) == (1, 1)
    assert "all is well" in examined.line()


def _partition(bank: Bank) -> Path:
    (path,) = bank.lake.root.rglob("part.parquet")
    return path


def _edition(bank: Bank) -> Path:
    return bank.editions.folder("edition-000001") / DATABASE


def _manifest(bank: Bank) -> Path:
    (path,) = (bank.lake.root / "manifests").rglob("*.json")
    return path


def _forget_the_contract(bank: Bank) -> None:
    path = bank.settings.contracts / "c.odcs.yaml"
    text = path.read_text()
    path.write_text(text.replace("name: f\n", "name: g\n"))


@pytest.mark.parametrize(
    ("damage", "subject", "problem", "remedy"),
    [
        (
            lambda b: flip_a_bit(_partition(b)),
            "c.f 2026-03-01",
            "is not the file",
            "land c",
        ),
        (lambda b: _partition(b).unlink(), "c.f 2026-03-01", "is gone", "land c"),
        (
            lambda b: _manifest(b).write_text("{"),
            "c.f 2026-03-01",
            "cannot be read",
            "land c",
        ),
        (
            lambda b: flip_a_bit(_edition(b)),
            "edition-000001",
            "is not the file",
            "rollback",
        ),
        (
            lambda b: _edition(b).with_name(DATABASE + ".wal").write_bytes(b"x"),
            "edition-000001",
            "opened the edition for writing",
            "rm ",
        ),
        (
            lambda b: (
                b.editions.current_link.unlink()
                or b.editions.current_link.symlink_to("edition-000009")
            ),
            "current",
            "which is gone",
            "rollback",
        ),
        (
            lambda b: b.ledger.paths()[0].write_text(""),
            "ledger",
            "cannot be read",
            "rm ",
        ),
        (
            lambda b: b.settings.key_file.chmod(0o644),
            "key file",
            "can be read by others",
            "chmod 600",
        ),
        (
            lambda b: b.settings.key_file.unlink(),
            "key file",
            "is gone",
            "Restore it from the backup",
        ),
        (
            lambda b: (b.settings.home / "candidates" / "edition-000002").mkdir(),
            "candidate",
            "did not end",
            "Nothing",
        ),
        (_forget_the_contract, "c.f", "no contract", "Bring its contract back"),
        (
            lambda b: (b.settings.contracts / "c.odcs.yaml").write_text("kind: ["),
            "contract c.odcs.yaml",
            "c.odcs.yaml",
            "contract lint",
        ),
    ],
)
def test_what_is_damaged_is_found_with_what_mends_it(
    bank: Bank,
    damage: Callable[[Bank], object],
    subject: str,
    problem: str,
    remedy: str,
) -> None:
    damage(bank)
    fresh = Bank(bank.settings)
    found = [f for f in examine(fresh).findings if f.subject == subject]
    assert len(found) == 1, examine(fresh).findings
    assert problem in found[0].problem
    assert remedy in found[0].remedy
