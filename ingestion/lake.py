"""The lake: typed Parquet, one folder per channel, feed and business date.

A partition is one file that is replaced by rename, so a reader sees the old landing or
the new one and nothing between.
"""

from __future__ import annotations

import fcntl
import json
import os
import shutil
import uuid
import zlib
from collections.abc import Iterable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import date, timedelta
from pathlib import Path
from typing import Any

from ingestion.artefacts import sha256_of
from ingestion.contract import Feed

PART = "part.parquet"
_PREFIX = "business_date="
_MANIFEST = "manifest.json"
# How far apart the same file is looked for under another date.
_TWIN_DAYS = 31
# Files to lock by; two dates that share one only wait for each other.
_LOCKS = 64


@dataclass(frozen=True)
class Lake:
    """Where landed rows and rejects lie."""

    root: Path

    def feed_folder(self, feed: Feed) -> Path:
        """Return the folder of all partitions of a feed."""
        return self.root / "raw" / feed.channel / feed.name

    def partition(self, feed: Feed, business_date: date) -> Path:
        """Return the Parquet file of a feed and date; it may not exist."""
        return self.feed_folder(feed) / f"{_PREFIX}{business_date}" / PART

    def rejects(self, feed: Feed, business_date: date) -> Path:
        """Return the Parquet file of what a landing rejected; it may not exist."""
        name = f"{self.landing_key(feed, business_date)}.parquet"
        return self.reject_folder(feed) / name

    def reject_folder(self, feed: Feed) -> Path:
        """Return the folder of all rejects of a feed."""
        return self.root / "rejects" / feed.channel / feed.name

    def refused(self, feed: Feed, business_date: date) -> Path:
        """Return the Parquet file of what a refused landing would have rejected."""
        name = f"{self.landing_key(feed, business_date)}.parquet"
        return self.root / "refused" / feed.channel / feed.name / name

    def superseded_folder(self, feed: Feed, business_date: date) -> Path:
        """Return the folder of the landings that a corrected one took the place of."""
        key = self.landing_key(feed, business_date)
        return self.root / "superseded" / feed.channel / feed.name / key

    def superseded(self, feed: Feed, business_date: date) -> list[dict[str, Any]]:
        """Return what the superseded landings said of themselves, oldest first."""
        folder = self.superseded_folder(feed, business_date)
        paths = sorted(folder.glob(f"*/{_MANIFEST}"), key=lambda p: p.stat().st_mtime)
        return [json.loads(path.read_text(encoding="utf-8")) for path in paths]

    def supersede(
        self, feed: Feed, business_date: date, standing: Mapping[str, Any]
    ) -> None:
        """Keep the standing landing beside the one that is to take its place.

        Its files are linked, not moved: the partition stands until it is replaced.
        """
        name = str(standing["fingerprint"])[:16]
        folder = self.superseded_folder(feed, business_date) / name
        if folder.exists():
            return
        with self.staging() as staged:
            for day in standing["partitions"]:
                part = self.partition(feed, date.fromisoformat(day))
                if part.is_file():
                    os.link(part, staged / f"{day}.parquet")
            rejects = self.rejects(feed, business_date)
            if rejects.is_file():
                os.link(rejects, staged / "rejects.parquet")
            os.link(self.manifest(feed, business_date), staged / _MANIFEST)
            folder.parent.mkdir(parents=True, exist_ok=True)
            os.rename(staged, folder)

    @contextmanager
    def landing(self, feed: Feed, business_date: date) -> Iterator[None]:
        """Keep other processes from landing the same feed and date meanwhile."""
        folder = self.root / ".locks"
        folder.mkdir(parents=True, exist_ok=True)
        key = f"{feed.id} {self.landing_key(feed, business_date)}"
        name = f"{zlib.crc32(key.encode()) % _LOCKS:02}"
        lock = os.open(folder / name, os.O_RDWR | os.O_CREAT, 0o644)
        try:
            fcntl.flock(lock, fcntl.LOCK_EX)
            yield
        finally:
            os.close(lock)

    def twin_of(
        self, feed: Feed, business_date: date, digests: tuple[str, ...]
    ) -> str | None:
        """Return a near date that the same files landed under, if there is one."""
        for days in range(1, _TWIN_DAYS + 1):
            for near in (-days, days):
                other = business_date + timedelta(days=near)
                standing = self.standing(feed, other)
                if standing and tuple(standing.get("digests", ())) == digests:
                    return other.isoformat()
        return None

    @staticmethod
    def landing_key(feed: Feed, business_date: date) -> str:
        """Return under which name a landing stands that a night of a date asks for.

        It is the date; for a file over many dates and for an undated one it is the same
        on any date.
        """
        if feed.delivery.cadence == "history":
            return "history"
        return feed.delivery.date_of(business_date).isoformat()

    def dates(self, feed: Feed) -> list[date]:
        """Return the business dates that a feed has a partition of, in order."""
        return sorted(
            date.fromisoformat(path.parent.name.removeprefix(_PREFIX))
            for path in self.feed_folder(feed).glob(f"{_PREFIX}*/{PART}")
        )

    def manifest(self, feed: Feed, business_date: date) -> Path:
        """Return the JSON file that says what a partition was landed from."""
        folder = self.root / "manifests" / feed.channel / feed.name
        return folder / f"{self.landing_key(feed, business_date)}.json"

    def standing(self, feed: Feed, business_date: date) -> dict[str, Any] | None:
        """Return what the standing landing said of itself, None where there is none."""
        path = self.manifest(feed, business_date)
        if not path.is_file():
            return None
        standing: dict[str, Any] = json.loads(path.read_text(encoding="utf-8"))
        return standing

    def all_standing(self) -> Iterator[dict[str, Any]]:
        """Yield every standing landing, in order of path."""
        for path in sorted((self.root / "manifests").glob("*/*/*.json")):
            yield json.loads(path.read_text(encoding="utf-8"))

    def contents(self, feed: Feed, days: Iterable[str]) -> dict[str, str]:
        """Return the sha256 of the partitions of some dates, by date."""
        paths = {day: self.partition(feed, date.fromisoformat(day)) for day in days}
        return {day: sha256_of(path) for day, path in paths.items()}

    def damages(
        self, feed: Feed, standing: Mapping[str, Any], days: Iterable[str] | None = None
    ) -> dict[str, str]:
        """Return what is wrong with partitions of a landing, by date.

        Looked at are those of `days`, all of them where none are named.
        """
        found = {}
        for day in standing["partitions"] if days is None else days:
            path = self.partition(feed, date.fromisoformat(day))
            said = standing.get("contents", {}).get(day)
            if not path.is_file():
                found[day] = f"{path} is gone"
            elif said and sha256_of(path) != said:
                found[day] = f"{path} is not the file that was landed"
        return found

    def write_manifest(
        self, feed: Feed, business_date: date, standing: dict[str, Any]
    ) -> None:
        """Record a landing; its partitions are already in place."""
        with self.staging() as folder:
            staged = folder / _MANIFEST
            staged.write_text(
                json.dumps(standing, ensure_ascii=False, indent=1, default=str),
                encoding="utf-8",
            )
            self.replace(staged, self.manifest(feed, business_date))

    def forget(self, feed: Feed, business_date: date) -> None:
        """Remove a manifest, so that nobody believes partitions that are changing."""
        self.manifest(feed, business_date).unlink(missing_ok=True)

    @contextmanager
    def staging(self) -> Iterator[Path]:
        """Give an empty folder on the lake's file system, gone afterwards.

        What killed landings left there is gone too, once no other one is under way.
        """
        self.clear_staging()
        with self._staging_lock() as lock:
            fcntl.flock(lock, fcntl.LOCK_SH)
            folder = self.root / ".incoming" / uuid.uuid4().hex
            folder.mkdir(parents=True)
            try:
                yield folder
            finally:
                shutil.rmtree(folder, ignore_errors=True)

    def replace(self, staged: Path, target: Path) -> None:
        """Put a staged file in the target's place, in one instant."""
        target.parent.mkdir(parents=True, exist_ok=True)
        os.replace(staged, target)

    def drop(self, feed: Feed, business_date: date) -> None:
        """Remove a partition that a newer landing of the same file no longer holds."""
        shutil.rmtree(self.partition(feed, business_date).parent, ignore_errors=True)

    def clear_staging(self) -> None:
        """Remove what killed landings left behind, unless a landing is under way.

        Each landing shares a lock that the kernel frees however its process ends, so
        whoever gets it alone knows that nobody needs what lies there.
        """
        with self._staging_lock() as lock:
            try:
                fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
            except BlockingIOError:
                return
            shutil.rmtree(self.root / ".incoming", ignore_errors=True)

    @contextmanager
    def _staging_lock(self) -> Iterator[int]:
        self.root.mkdir(parents=True, exist_ok=True)
        lock = os.open(self.root / ".incoming.lock", os.O_RDWR | os.O_CREAT, 0o644)
        try:
            yield lock
        finally:
            os.close(lock)
