"""Editions: complete, checked, immutable warehouse files, and which one is current.

A candidate is a copy of the current edition in a folder of its own. Publishing moves
that folder among the editions and flips one symlink, so an analyst sees the old edition
or the new one. A candidate that a killed process left behind is thrown away.
"""

from __future__ import annotations

import fcntl
import json
import os
import shutil
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import asdict, dataclass, fields
from datetime import UTC, date, datetime, timedelta
from pathlib import Path

import duckdb

from ingestion.artefacts import sha256_of
from ingestion.errors import BuildFailed, GateStopped, NotReady, SettingsError

DATABASE = "bank.duckdb"
# Beside it: what its metrics are, as dbt tells them.
METRICS = "metrics.json"
NOTE = "edition.json"
BASE = "base.txt"


@dataclass(frozen=True)
class Edition:
    """What an edition says of itself."""

    id: str
    as_of: str
    base: str | None
    published_at: str
    sha256: str
    bytes: int
    missing: tuple[str, ...] = ()


@dataclass(frozen=True)
class Candidate:
    """A warehouse file that is being brought forward; nobody else reads it."""

    id: str
    folder: Path
    base: str | None

    @property
    def database(self) -> Path:
        """The DuckDB file."""
        return self.folder / DATABASE


@dataclass(frozen=True)
class Editions:
    """All editions, the candidates and the lock under one home folder."""

    root: Path

    @property
    def current_link(self) -> Path:
        """The symlink that analysts open."""
        return self.root / "editions" / "current"

    @property
    def candidates(self) -> Path:
        """The folder of candidates, and of what is tried and thrown away."""
        return self.root / "candidates"

    def folder(self, edition_id: str) -> Path:
        """Return the folder of an edition."""
        return self.root / "editions" / edition_id

    def current(self) -> Edition | None:
        """Return the edition that analysts read, None before the first one."""
        if not self.current_link.is_symlink():
            return None
        return self._read(self.current_link.resolve().name)

    def published(self) -> Edition:
        """Return the edition that analysts read.

        Raises:
            SettingsError: There is none yet.
        """
        edition = self.current()
        if edition is None:
            raise SettingsError(
                "editions",
                "there is no edition yet",
                remedy="Run: passbook night --date DATE",
            )
        return edition

    def published_database(self, edition_id: str | None = None) -> Path:
        """Return its file, or that of a named edition, by a path that no other takes.

        Raises:
            SettingsError: There is no edition yet, or none of that name.
        """
        edition = self.named(edition_id) if edition_id else self.published()
        return self.folder(edition.id) / DATABASE

    def all(self) -> list[Edition]:
        """Return every edition, oldest first."""
        notes = sorted((self.root / "editions").glob(f"*/{NOTE}"))
        ids = {n.parent.name for n in notes if not n.parent.is_symlink()}
        return [self._read(edition_id) for edition_id in sorted(ids)]

    def _read(self, edition_id: str) -> Edition:
        text = (self.folder(edition_id) / NOTE).read_text(encoding="utf-8")
        values = json.loads(text)
        # The note of a later version may say more than this one knows.
        known = {f.name: values[f.name] for f in fields(Edition) if f.name in values}
        return Edition(**{**known, "missing": tuple(values.get("missing", ()))})

    def damage(self, edition: Edition) -> str | None:
        """Return what is wrong with an edition's file, None if it is as published."""
        path = self.folder(edition.id) / DATABASE
        if not path.is_file():
            return f"{path} is gone"
        found = path.stat().st_size
        if found != edition.bytes:
            return f"{path} has {found:,} bytes instead of {edition.bytes:,}"
        if sha256_of(path) != edition.sha256:
            return f"{path} is not the file that was published"
        return None

    def hold_whole(self) -> None:
        """Refuse to build on a current edition that is not as it was published.

        Raises:
            BuildFailed: Its file is damaged; the line names the latest whole one.
        """
        current = self.current()
        damage = self.damage(current) if current else None
        if current is None or damage is None:
            return
        whole = next(
            (e.id for e in reversed(self.all()) if self.damage(e) is None), None
        )
        remedy = "There is no whole edition: move editions/ away, and all is built anew"
        if whole:
            remedy = f"Run: passbook rollback {whole} --reason TEXT"
        raise BuildFailed(
            current.id,
            f"the current edition is damaged: {damage}",
            remedy=f"{remedy}; then run the night again.",
        )

    @contextmanager
    def writing(self, wait_seconds: float = 3600.0) -> Iterator[None]:
        """Hold the lock that only one build at a time may have.

        The kernel frees it when the process ends, however it ends.

        Raises:
            NotReady: Another build held it for all of `wait_seconds`.
        """
        path = self.root / "locks" / "writer.lock"
        path.parent.mkdir(parents=True, exist_ok=True)
        with path.open("a+") as stream:
            _lock(stream.fileno(), path, wait_seconds)
            yield

    def new_candidate(self, *, from_base: bool = True) -> Candidate:
        """Return a fresh candidate, a copy of the current edition where there is one.

        Everything that earlier candidates left behind is gone afterwards.
        """
        shutil.rmtree(self.candidates, ignore_errors=True)
        current = self.current()
        numbers = [int(e.id.rsplit("-", 1)[-1]) for e in self.all()]
        number = max(numbers, default=0) + 1
        candidate = Candidate(
            id=f"edition-{number:06d}",
            folder=self.candidates / f"edition-{number:06d}",
            base=current.id if current else None,
        )
        candidate.folder.mkdir(parents=True)
        (candidate.folder / BASE).write_text(candidate.base or "", encoding="utf-8")
        if current and from_base:
            copy_file(self.folder(current.id) / DATABASE, candidate.database)
        return candidate

    def standing_candidate(self) -> tuple[Candidate, date]:
        """Return the candidate that a build left in place, and its business date.

        Raises:
            SettingsError: There is none.
        """
        folders = sorted(self.candidates.glob(f"*/{DATABASE}"))
        if not folders:
            raise SettingsError(
                "candidate", "there is none", remedy="Run: passbook build --date DATE"
            )
        with duckdb.connect(str(folders[0]), read_only=True) as connection:
            rows = connection.execute("select as_of_date from ops.build").fetchall()
        folder = folders[0].parent
        base = (folder / BASE).read_text(encoding="utf-8") or None
        return Candidate(folder.name, folder, base), rows[0][0]

    def publish(
        self,
        candidate: Candidate,
        as_of: str,
        missing: tuple[str, ...],
        keep: int,
        keep_days: int | None = None,
    ) -> Edition:
        """Make a candidate the current edition, in one instant.

        Raises:
            GateStopped: The file is not at rest, or `current` moved meanwhile.
        """
        self._hold_publishable(candidate)
        edition = Edition(
            id=candidate.id,
            as_of=as_of,
            base=candidate.base,
            published_at=datetime.now(UTC).isoformat(timespec="seconds"),
            sha256=sha256_of(candidate.database),
            bytes=candidate.database.stat().st_size,
            missing=missing,
        )
        (candidate.folder / NOTE).write_text(json.dumps(asdict(edition), indent=1))
        target = self.folder(candidate.id)
        target.parent.mkdir(parents=True, exist_ok=True)
        if target.exists():  # a publish that was killed before its flip
            shutil.rmtree(target)
        _sync(candidate.database)
        os.rename(candidate.folder, target)
        _sync(target.parent)
        target.joinpath(DATABASE).chmod(0o444)
        self.point_to(candidate.id)
        self._prune(keep, keep_days)
        return edition

    def _hold_publishable(self, candidate: Candidate) -> None:
        if candidate.database.with_name(DATABASE + ".wal").exists():
            raise GateStopped(candidate.id, "the candidate was not closed cleanly")
        current = self.current()
        if (current.id if current else None) != candidate.base:
            raise GateStopped(
                candidate.id,
                "the current edition moved while this candidate was built",
                expected=str(candidate.base),
                found=current.id if current else "none",
                remedy="Build again: passbook night --date DATE",
            )

    def point_to(self, edition_id: str) -> None:
        """Make an edition the current one, in one instant.

        Raises:
            SettingsError: There is no such edition.
        """
        self.named(edition_id)
        fresh = self.current_link.with_name(f".current-{os.getpid()}")
        fresh.unlink(missing_ok=True)
        fresh.symlink_to(edition_id)
        os.replace(fresh, self.current_link)

    def rollback(self, edition_id: str | None = None) -> Edition:
        """Go back to an edition, the one before the current where none is named.

        Raises:
            SettingsError: There is no such edition, or none before, or it is damaged.
        """
        current = self.current()
        target = edition_id or (current.base if current else None)
        if target is None:
            raise SettingsError("rollback", "there is no earlier edition")
        edition = self.named(target)
        damage = self.damage(edition)
        if damage:
            raise SettingsError(target, f"is damaged: {damage}")
        self.point_to(target)
        return edition

    def named(self, edition_id: str) -> Edition:
        """Return an edition by its id.

        Raises:
            SettingsError: There is none of that name.
        """
        if not (self.folder(edition_id) / NOTE).is_file():
            known = ", ".join(e.id for e in self.all()) or "none"
            raise SettingsError(
                edition_id, "is no edition", expected=f"one of: {known}"
            )
        return self._read(edition_id)

    def _prune(self, keep: int, keep_days: int | None) -> None:
        """Remove the oldest editions and those that are too old.

        Age goes by business dates, up to that of the newest: a clock that jumps ahead
        makes no edition old. An open reader keeps its file until it closes.
        """
        current = self.current()
        editions = self.all()
        last = ""
        if keep_days is not None:
            newest = max(date.fromisoformat(e.as_of) for e in editions)
            last = (newest - timedelta(days=keep_days)).isoformat()
        beyond = {e.id for e in editions[:-keep]}
        beyond |= {e.id for e in editions if e.as_of < last}
        for edition in editions:
            if edition.id not in beyond:
                continue
            if current and edition.id not in {current.id, current.base}:
                # Without its note it is no edition any more, even if a kill comes now.
                (self.folder(edition.id) / NOTE).unlink(missing_ok=True)
                shutil.rmtree(self.folder(edition.id), ignore_errors=True)


def _lock(descriptor: int, path: Path, wait_seconds: float) -> None:
    deadline = time.monotonic() + wait_seconds
    while True:
        try:
            fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            if time.monotonic() > deadline:
                raise NotReady(
                    str(path),
                    "another build holds the writer's lock",
                    remedy="Wait for it to end, or look with: passbook status",
                ) from None
            time.sleep(0.2)
        else:
            return


def copy_file(source: Path, target: Path) -> None:
    """Copy a file inside the kernel, as a reflink where the file system has them."""
    with source.open("rb") as reader, target.open("wb") as writer:
        left = os.fstat(reader.fileno()).st_size
        while left:
            copied = os.copy_file_range(reader.fileno(), writer.fileno(), left)
            if not copied:
                raise OSError(f"{source} became shorter while it was copied")
            left -= copied


def _sync(path: Path) -> None:
    descriptor = os.open(path, os.O_RDONLY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)
