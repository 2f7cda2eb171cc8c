"""What landings rejected, for people to look into and for source systems to mend."""

from __future__ import annotations

import csv
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import date
from pathlib import Path

import pyarrow.parquet as pq

from ingestion.contract import Feed
from ingestion.tokens import masked_text, unseal
from warehouse.bank import Bank

_SHOWN = (
    "source_file",
    "source_line",
    "source_offset",
    "column_name",
    "reason_code",
    "expected",
    "found",
)


@dataclass(frozen=True)
class Reject:
    """One record that was not landed. `record` has its card numbers masked."""

    feed: str
    landing: str
    source_file: str
    source_line: int
    source_offset: int
    column_name: str | None
    reason_code: str
    expected: str | None
    found: str | None
    record: str | None = None


def rejects_of(
    bank: Bank,
    channel: str,
    business_date: date,
    feed: str | None = None,
    *,
    with_records: bool = False,
) -> Iterator[Reject]:
    """Yield the rejects of a channel's landings of a date, in order of file and line.

    `landing` says whether the landing stands (`landed`) or was refused as a whole
    (`refused`). The records themselves are unsealed only when they are asked for.
    """
    contract = bank.contract(channel)
    feeds = contract.feeds if feed is None else (contract.feed(feed),)
    for one in feeds:
        places = (
            ("landed", bank.lake.rejects(one, one.delivery.date_of(business_date))),
            ("refused", bank.lake.refused(one, one.delivery.date_of(business_date))),
        )
        for landing, path in places:
            if path.is_file():
                yield from _read(bank, one, landing, path, with_records=with_records)


def _read(
    bank: Bank, feed: Feed, landing: str, path: Path, *, with_records: bool
) -> Iterator[Reject]:
    columns = [*_SHOWN, "raw_sealed"] if with_records else list(_SHOWN)
    with pq.ParquetFile(path) as file:
        for batch in file.iter_batches(columns=columns):
            for row in batch.to_pylist():
                sealed = row.pop("raw_sealed", None)
                record = None
                if sealed is not None:
                    record = _record(unseal(sealed, bank.keys), feed)
                yield Reject(feed.name, landing, **row, record=record)


def _record(raw: bytes, feed: Feed) -> str:
    encoding = feed.layout.encoding
    # Which of the two its file was is not kept; the little-endian one is usual.
    encoding = "utf-16-le" if encoding == "utf-16" else encoding
    return masked_text(raw.decode(encoding, "replace"))


def export_rejects(
    bank: Bank, channel: str, business_date: date, feed: str | None = None
) -> list[Path]:
    """Write the rejects of a date as CSV for the source system; return the files.

    One file a feed that has any, under `exports/rejects` of the bank's home, in place
    of an earlier one. Records are as they came, card numbers masked.
    """
    written: list[Path] = []
    contract = bank.contract(channel)
    folder = bank.settings.home / "exports" / "rejects"
    for one in contract.feeds if feed is None else (contract.feed(feed),):
        rejects = rejects_of(bank, channel, business_date, one.name, with_records=True)
        first = next(rejects, None)
        if first is None:
            continue
        folder.mkdir(parents=True, exist_ok=True)
        path = folder / f"{one.id}.{business_date}.csv"
        fresh = path.with_suffix(".part")
        with fresh.open("w", encoding="utf-8", newline="") as stream:
            rows = csv.DictWriter(stream, list(vars(first)), lineterminator="\n")
            rows.writeheader()
            rows.writerow(vars(first))
            rows.writerows(vars(reject) for reject in rejects)
        fresh.replace(path)
        written.append(path)
    return written
