"""Finds the files of an extract and what the control file says of them."""

from __future__ import annotations

import hashlib
import json
import re
from collections.abc import Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from dataclasses import dataclass
from datetime import date
from decimal import Decimal
from functools import cached_property
from pathlib import Path
from typing import Annotated, Literal

from pydantic import AfterValidator, BaseModel, ConfigDict, ValidationError

from ingestion.artefacts import sha256_of
from ingestion.contract import Contract, Feed
from ingestion.errors import LandingRefused, MissingExtract

# Raised whenever landing would make other Parquet of the same file.
LANDING_VERSION = "3"


def _file_name(name: str) -> str:
    if len(name.encode("utf-8", "surrogatepass")) > 255 or "\0" in name:
        raise ValueError("should be the name of a file")
    if any("\ud800" <= mark <= "\udfff" for mark in name):
        raise ValueError("should be text")
    return name


class ControlledFile(BaseModel):
    """One file that a control file vouches for."""

    model_config = ConfigDict(extra="ignore", frozen=True)
    name: Annotated[str, AfterValidator(_file_name)]
    sha256: Annotated[str, AfterValidator(str.lower)]
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
    """The files of one feed that are to be landed, in order of name.

    Their sha256 is computed while they are read: `digests`, `fingerprint` and `prove`
    wait for it. `depends_on` is what the landed rows depend on besides.
    """

    feed: Feed
    business_date: date
    files: tuple[Path, ...]
    control: ControlFile | None = None
    superseded: tuple[str, ...] = ()
    depends_on: tuple[str, ...] = ()
    stamps: tuple[tuple[int, ...], ...] = ()

    @cached_property
    def _hashing(self) -> list[Future[str]]:
        pool = ThreadPoolExecutor(1)
        found = [pool.submit(sha256_of, file) for file in self.files]
        pool.shutdown(wait=False)
        return found

    def start_hashing(self) -> None:
        """Begin to compute the files' sha256 beside whatever else is done."""
        _ = self._hashing

    @property
    def digests(self) -> tuple[str, ...]:
        """The sha256 of each file."""
        return tuple(future.result() for future in self._hashing)

    @property
    def fingerprint(self) -> str:
        """What the landed rows depend on: an equal one would land the same rows."""
        text = "\0".join((*self.depends_on, *self.digests))
        return hashlib.sha256(text.encode()).hexdigest()

    def prove(self) -> None:
        """Hold the files against their control file and against what they were.

        Raises:
            LandingRefused: They are not the ones it names, or changed meanwhile.
        """
        hold_still(self)
        if self.control:
            _prove(self.where, self.control, self.files, self.digests)

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


def arrived_digests(
    feed: Feed, extracts: Path, business_date: date
) -> tuple[str, ...] | None:
    """Return the sha256 that the files of a complete extract have.

    The control file is believed; without one the files are read. None where nothing is
    complete, or the control file cannot be read.
    """
    if not is_complete(feed, extracts, business_date):
        return None
    folder = extract_folder(feed, extracts, business_date)
    if feed.control.kind == "none":
        return tuple(sha256_of(file) for file in sorted(folder.glob(feed.layout.path)))
    where = f"{feed.id} {business_date}"
    paths = control_paths(feed, folder)
    try:
        control = _latest_control(where, paths, feed, business_date)
    except LandingRefused:
        return None
    return tuple(file.sha256 for file in control.files)


def find_extract(
    contract: Contract,
    feed: Feed,
    extracts: Path,
    business_date: date,
    reading: Sequence[str] = (),
) -> Extract:
    """Return the extract of a feed for a date; `prove` holds it against its control.

    `reading` names what else decides how its rows land; the fingerprint holds it.

    Raises:
        MissingExtract: The file or its control file is not there.
        LandingRefused: The control file cannot be read, or is of another extract.
    """
    folder = extract_folder(feed, extracts, business_date)
    where = f"{feed.id} {business_date}"
    control: ControlFile | None = None
    superseded: tuple[str, ...] = ()
    if feed.control.kind == "file":
        paths = control_paths(feed, folder)
        if not paths:
            raise _missing(where, folder, f"{feed.name}.ctl.json")
        control = _latest_control(where, paths, feed, business_date)
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
    extract = Extract(
        feed,
        business_date,
        files,
        control,
        superseded,
        _depends_on(contract, feed, control, reading),
        tuple(_stamp(file) for file in files),
    )
    extract.start_hashing()
    return extract


def hold_still(extract: Extract) -> None:
    """Refuse an extract whose files changed since they were found.

    Raises:
        LandingRefused: A file grew, was replaced or is gone.
    """
    for file, stamp in zip(extract.files, extract.stamps, strict=True):
        now = _stamp(file) if file.is_file() else ()
        if now != stamp:
            raise LandingRefused(
                f"{extract.where} {file.name}",
                "changed while it was read",
                expected=f"{stamp[0]:,} bytes",
                found=f"{now[0]:,} bytes" if now else "no such file",
                remedy="Land the day again when the channel has finished writing it.",
            )


def _stamp(path: Path) -> tuple[int, ...]:
    found = path.stat()
    return found.st_size, found.st_mtime_ns, found.st_ino


def _latest_control(
    where: str, paths: list[Path], feed: Feed, day: date
) -> ControlFile:
    """Return the control file of the highest sequence.

    Raises:
        LandingRefused: Another one claims the same sequence and says otherwise.
    """
    latest = _read_control(where, paths[-1], feed, day)
    for path in paths[:-1]:
        try:
            earlier = _read_control(where, path, feed, day)
        except LandingRefused:  # it is superseded, so nobody needs it
            continue
        if earlier.sequence >= latest.sequence and earlier != latest:
            raise LandingRefused(
                where,
                f"{path.name} and {paths[-1].name} both claim to be the last",
                expected=f"a sequence below {latest.sequence} in {path.name}",
                found=str(earlier.sequence),
                remedy="Ask the channel which of them holds, and remove the other.",
            )
    return latest


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
    except (
        ValueError,
        TypeError,
        OSError,
        ArithmeticError,
        RecursionError,
    ) as error:
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
    return (str(error) or repr(error)).splitlines()[0]


def _prove(
    where: str, control: ControlFile, files: tuple[Path, ...], digests: tuple[str, ...]
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


def _depends_on(
    contract: Contract, feed: Feed, control: ControlFile | None, reading: Sequence[str]
) -> tuple[str, ...]:
    """Return what the landed rows depend on, the files' bytes aside."""
    layout = feed.layout.model_dump_json()
    said = [control.model_dump_json()] if control else []
    return (LANDING_VERSION, feed.id, contract.text, layout, *reading, *said)


Verdict = Literal["landed", "unchanged", "missing", "refused"]
