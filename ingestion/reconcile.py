"""Holds what a landing counted against what the sender said, and against itself."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from decimal import Decimal, localcontext

from ingestion.errors import LandingRefused
from ingestion.extract import Extract
from ingestion.formats.trailer import Claims

# Enough for any sum of numbers of 38 digits.
_DIGITS = 90


@dataclass
class Count:
    """Running totals of a landing."""

    records: int = 0
    landed: int = 0
    rejected: int = 0
    filtered: int = 0
    unreadable: int = 0
    on_the_day: int = 0
    sums: dict[str, Decimal] = field(default_factory=dict)
    reasons: dict[str, int] = field(default_factory=dict)
    faults: dict[tuple[str, str, str], int] = field(default_factory=dict)
    records_by_file: dict[str, int] = field(default_factory=dict)
    unknown_codes: dict[str, dict[str, int]] = field(default_factory=dict)
    extra: dict[str, None] = field(default_factory=dict)
    missing: dict[str, None] = field(default_factory=dict)

    def add_sums(self, sums: Mapping[str, Decimal]) -> None:
        """Add the sums of a chunk."""
        with localcontext(prec=_DIGITS):
            for name, value in sums.items():
                self.sums[name] = self.sums.get(name, Decimal(0)) + value

    def stated_sums(self) -> dict[str, str]:
        """Return the sums as text, with two decimals at least and no idle zeros."""
        return {name: _plain(self.sums[name]) for name in sorted(self.sums)}


def _plain(value: Decimal) -> str:
    if not value.is_finite():
        return str(value)
    whole, _, fraction = f"{value:f}".partition(".")
    return f"{whole}.{fraction.rstrip('0').ljust(2, '0')}"


def reconcile(extract: Extract, count: Count, claims: Claims) -> None:
    """Hold landed and rejected rows against the independent count and the sender's.

    Raises:
        LandingRefused: A record is unaccounted for, or the sender says otherwise.
    """
    accounted = count.landed + count.rejected + count.filtered
    if accounted != count.records:
        raise LandingRefused(
            extract.where,
            "records are unaccounted for",
            expected=f"{count.records:,} records in",
            found=f"{accounted:,} landed, rejected or filtered",
            remedy="Nothing was landed. Report it with the file: it is a defect.",
        )
    if extract.control and len({f.name for f in extract.control.files}) < len(
        extract.control.files
    ):
        raise LandingRefused(
            extract.where,
            "the control file names a file twice",
            expected="each file once",
            remedy="Ask the channel for its control file again.",
        )
    for name, said in claims.sums.items():
        _hold_sum(extract, name, said, count, "the trailer's")
    if extract.control is None:
        return
    if extract.control.rows != count.records:
        raise LandingRefused(
            extract.where,
            "the row count is not the control file's",
            expected=f"{extract.control.rows:,} rows",
            found=f"{count.records:,}",
            remedy="It may be truncated: ask the channel for it again.",
        )
    for file in extract.control.files:
        found = count.records_by_file.get(file.name, 0)
        if file.rows != found:
            raise LandingRefused(
                f"{extract.where} {file.name}",
                "the row count is not the control file's",
                expected=f"{file.rows:,} rows",
                found=f"{found:,}",
                remedy="It may be truncated: ask the channel for it again.",
            )
    for name in extract.feed.control.sums:
        _hold_sum(
            extract, name, extract.control.sums.get(name), count, "the control file's"
        )


def _hold_sum(
    extract: Extract, name: str, said: Decimal | None, count: Count, whose: str
) -> None:
    found = count.sums.get(name, Decimal(0))
    if said is None:
        raise LandingRefused(
            extract.where,
            f"the control file has no sum of {name!r}",
            expected=f"sums.{name}",
            remedy="Take it out of control.sums in the contract, or ask for it.",
        )
    if said != found and not count.unreadable:
        raise LandingRefused(
            extract.where,
            f"the sum of {name!r} is not {whose}",
            expected=_plain(said),
            found=f"{_plain(found)} (difference {_difference(found, said)})",
            remedy="Ask the channel for the extract again, or for its control file.",
        )


def _difference(found: Decimal, said: Decimal) -> str:
    with localcontext(prec=_DIGITS):
        return _plain(found - said)


def hold_ceiling(extract: Extract, count: Count) -> None:
    """Stop a landing of which too many rows were rejected.

    Raises:
        LandingRefused: More than the contract's count or share were.
    """
    ceiling = extract.feed.ceiling
    ratio = count.rejected / count.records if count.records else 0.0
    allowed = max(ceiling.max_ratio, 0.0)
    if count.rejected <= ceiling.max_count and ratio <= allowed:
        return
    worst = max(count.reasons, key=lambda r: count.reasons[r], default="")
    where = f"{extract.feed.channel} {extract.business_date}"
    raise LandingRefused(
        extract.where,
        f"too many rows were rejected, most of them for {worst!r}",
        expected=f"at most {ceiling.max_count:,} rows and {allowed:.2%}",
        found=f"{count.rejected:,} of {count.records:,} ({ratio:.2%})",
        remedy=f"Nothing was landed. See them with: passbook rejects {where}. If the "
        f"channel changed its format, edit {extract.feed.contract_path.name} and land "
        "the day again.",
    )
