"""Finds the files of an extract and what the control file says of them."""

from __future__ import annotations

import hashlib
import json
import re
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date
from decimal import Decimal
from pathlib import Path
from typing import Literal

from pydantic import BaseModel, ConfigDict, ValidationError

from ingestion.contract import Contract, Feed
from ingestion.errors import LandingRefused, MissingExtract

# Raised whenever landing would make other Parquet of the same file.
LANDING_VERSION = "2"


class ControlledFile(BaseModel):
    """One file that a control file vouches for."""

    model_config = ConfigDict(extra="ignore", frozen=True)
    name: str
    sha256: str
    rows: int
    bytes: int


class ControlFile(BaseModel):
    """What the sender says of an extract; it comes last and makes it complete."""

    model_config = ConfigDict(extra="ignore", frozen=True)
    channel: str
    feed: str
    business_date: date
    sequence: int = 1
    files: tuple[ControlledFile, ...]
    rows: int
    sums: dict[str, Decimal] = {}


@dataclass(frozen=True)
class Extract:
    """The files of one feed that are to be landed, in order of name."""

    feed: Feed
    business_date: date
    files: tuple[Path, ...]
    control: ControlFile | None
    superseded: tuple[str, ...]
    fingerprint: str

    @property
    def where(self) -> str:
        """`channel.feed date`, as errors begin."""
        return f"{self.feed.id} {self.business_date}"


def extract_folder(feed: Feed, extracts: Path, business_date: date) -> Path:
    """Return the folder in which a feed's files for a date arrive."""
    folder = extracts / feed.channel
    if feed.delivery.cadence == "daily":
        return folder / business_date.isoformat()
    return folder if folder.is_dir() else extracts


def control_paths(feed: Feed, folder: Path) -> list[Path]:
    """Return the control files of a feed, the highest sequence last."""

    def sequence(path: Path) -> int:
        found = re.fullmatch(
            rf"{re.escape(feed.name)}(?:\.(\d+))?\.ctl\.json", path.name
        )
        return int((found and found.group(1)) or 1) if found else 0

    return sorted(
        (p for p in folder.glob(f"{feed.name}*.ctl.json") if sequence(p)),
        key=lambda p: (sequence(p), p.name),
    )


def is_complete(feed: Feed, extracts: Path, business_date: date) -> bool:
    """Whether everything of a feed has arrived, without reading the data."""
    folder = extract_folder(feed, extracts, business_date)
    if feed.control.kind == "file":
        return bool(control_paths(feed, folder))
    return any(folder.glob(feed.layout.path))


def find_extract(
    contract: Contract,
    feed: Feed,
    extracts: Path,
    business_date: date,
    reading: Sequence[str] = (),
) -> Extract:
    """Return the extract of a feed for a date, proved whole by its control file.

    `reading` names what else decides how its rows land; the fingerprint holds it.

    Raises:
        MissingExtract: The file or its control file is not there.
        LandingRefused: The files are not those that the control file names.
    """
    folder = extract_folder(feed, extracts, business_date)
    where = f"{feed.id} {business_date}"
    control: ControlFile | None = None
    superseded: tuple[str, ...] = ()
    if feed.control.kind == "file":
        paths = control_paths(feed, folder)
        if not paths:
            raise _missing(where, folder, f"{feed.name}.ctl.json")
        control = _read_control(where, paths[-1], feed, business_date)
        superseded = tuple(p.name for p in paths[:-1])
        files = tuple(folder / f.name for f in control.files)
        if any(
            file.parent != folder or file.name != c.name
            for file, c in zip(files, control.files, strict=True)
        ):
            raise LandingRefused(
                where, "the control file names a file outside its folder"
            )
    else:
        files = tuple(sorted(folder.glob(feed.layout.path)))
    if not files or not all(f.is_file() for f in files):
        gone = next((f.name for f in files if not f.is_file()), feed.layout.path)
        raise _missing(where, folder, gone)
    digests = [_sha256(file) for file in files]
    if control:
        _prove(where, control, files, digests)
    return Extract(
        feed,
        business_date,
        files,
        control,
        superseded,
        _fingerprint(contract, feed, control, [*digests, *reading]),
    )


def _missing(where: str, folder: Path, name: str) -> MissingExtract:
    return MissingExtract(
        where,
        "the extract has not arrived",
        expected=str(folder / name),
        found="no such file",
        remedy="Land the day again when the channel has delivered it.",
    )


def _read_control(where: str, path: Path, feed: Feed, day: date) -> ControlFile:
    try:
        text = path.read_text(encoding="utf-8")
        # Sums stay decimal: a double would round large ones.
        control = ControlFile(**json.loads(text, parse_float=Decimal))
    except (ValueError, TypeError, OSError) as error:
        raise LandingRefused(
            where,
            f"control file {path.name} cannot be read",
            found=_first_fault(error),
            remedy="Ask the channel for it again.",
        ) from None
    is_daily = feed.delivery.cadence == "daily"
    said = (control.channel, control.feed, control.business_date)
    due = (feed.channel, feed.name, day if is_daily else control.business_date)
    if said != due:
        raise LandingRefused(
            where,
            f"control file {path.name} is of another extract",
            expected=" ".join(map(str, due)),
            found=" ".join(map(str, said)),
            remedy="Ask the channel which day it is of.",
        )
    return control


def _first_fault(error: Exception) -> str:
    if isinstance(error, ValidationError):
        first = error.errors()[0]
        return f"{'.'.join(map(str, first['loc']))}: {first['msg']}"
    return str(error).splitlines()[0]


def _prove(
    where: str, control: ControlFile, files: tuple[Path, ...], digests: list[str]
) -> None:
    for said, file, digest in zip(control.files, files, digests, strict=True):
        if said.sha256 != digest:
            raise LandingRefused(
                where,
                f"{file.name} is not the file that its control file names",
                expected=f"{said.bytes:,} bytes, sha256 {said.sha256[:12]}",
                found=f"{file.stat().st_size:,} bytes, sha256 {digest[:12]}",
                remedy="It may be truncated or still growing: ask for it again.",
            )


def _sha256(path: Path) -> str:
    with path.open("rb") as stream:
        return hashlib.file_digest(stream, "sha256").hexdigest()


def _fingerprint(
    contract: Contract, feed: Feed, control: ControlFile | None, depends_on: list[str]
) -> str:
    """Return what the landed rows depend on, so that an equal one lands the same."""
    layout = feed.layout.model_dump_json()
    parts = [LANDING_VERSION, feed.id, contract.text, layout, *depends_on]
    if control:
        parts.append(control.model_dump_json())
    return hashlib.sha256("\0".join(parts).encode()).hexdigest()


Verdict = Literal["landed", "unchanged", "missing", "refused"]
