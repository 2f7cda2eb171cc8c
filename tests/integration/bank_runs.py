"""Runs the product the way its user does: by its commands, in a home of its own."""

from __future__ import annotations

import fcntl
import json
import os
import shutil
import subprocess
import sys
from collections import Counter
from collections.abc import Callable
from dataclasses import dataclass, replace
from datetime import date
from pathlib import Path

import duckdb

PROJECT = Path(__file__).resolve().parents[2]
COMMAND = Path(sys.executable).with_name("passbook")
DBT = COMMAND.with_name("dbt")


@dataclass(frozen=True)
class Home:
    """A PASSBOOK_HOME beside extracts that are not in it, as in a bank."""

    root: Path
    extracts: Path
    key_file: Path
    variables: tuple[tuple[str, str], ...] = ()

    @property
    def environment(self) -> dict[str, str]:
        return {
            **os.environ,
            "PASSBOOK_HOME": str(self.root),
            "PASSBOOK_EXTRACTS": str(self.extracts),
            "PASSBOOK_KEY_FILE": str(self.key_file),
            **dict(self.variables),
        }

    @property
    def database(self) -> Path:
        return self.root / "editions" / "current" / "bank.duckdb"

    def run(self, *arguments: str) -> subprocess.CompletedProcess[str]:
        return subprocess.run(
            [COMMAND, *arguments],
            env=self.environment,
            capture_output=True,
            text=True,
            check=False,
        )

    def must(self, *arguments: str) -> str:
        done = self.run(*arguments)
        assert done.returncode == 0, f"{arguments}: {done.stdout}\n{done.stderr}"
        return done.stdout

    def night(self, day: date, *words: str) -> subprocess.CompletedProcess[str]:
        return self.run("night", "--date", day.isoformat(), *words)

    def copied(self, root: Path) -> Home:
        """Return a copy of this home, which reads the same extracts."""
        shutil.copytree(self.root, root, symlinks=True)
        return replace(self, root=root)

    def start(self, *arguments: str) -> subprocess.Popen[bytes]:
        return subprocess.Popen(
            [COMMAND, *arguments],
            env=self.environment,
            stdout=subprocess.DEVNULL,
            stderr=subprocess.DEVNULL,
        )

    def rows(self, query: str) -> list[tuple[object, ...]]:
        with duckdb.connect(str(self.database), read_only=True) as connection:
            return connection.execute(query).fetchall()


def built_once(session: Path, name: str, build: Callable[[Path], None]) -> Path:
    """Return a folder of this test run that `build` has filled, by whichever worker.

    Workers have their session folders side by side; the first to ask builds, the others
    wait for it. What was left half-built is built anew.
    """
    is_worker = "PYTEST_XDIST_WORKER" in os.environ
    shared = session.parent if is_worker else session
    root = shared / name
    done = shared / f"{name}.done"
    with (shared / f"{name}.lock").open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        if not done.exists():
            shutil.rmtree(root, ignore_errors=True)
            root.mkdir()
            build(root)
            done.touch()
    return root


def tables(home: Home) -> dict[str, list[tuple[object, ...]]]:
    """Return every table of the current edition that the data alone decides."""
    of_the_build = {
        *("outcomes", "build", "changed_partitions", "restated_from"),
        *("account_fingerprints", "customer_fingerprints", "placement_fingerprints"),
    }
    names = home.rows(
        "select schema_name, table_name from duckdb_tables() order by all"
    )
    return {
        f"{schema}.{table}": home.rows(f"from {schema}.{table} order by all")
        for schema, table in names
        if schema != "ops" or table not in of_the_build
    }


def differing_tables(home: Home, other: Home) -> dict[str, tuple[object, object]]:
    """Return rows that just the one and just the other has, customer keys renamed.

    Compared is what the lake alone decides, whatever the order of days.
    """
    straight, crooked = tables(home), tables(other)
    renamed = _renamed(home, other)
    # What moved against the edition before goes by which one that was.
    names = [
        name
        for name in {**straight, **crooked}
        if name.split(".")[0] in {"mart", "intermediate", "ops", "policy"}
        and name != "ops.restatements"
    ]
    assert len(names) > 20
    differing: dict[str, tuple[object, object]] = {}
    for name in names:
        there = [
            tuple(_renamed_value(renamed, v) for v in r) for r in crooked.get(name, ())
        ]
        here = [tuple(_renamed_value({}, v) for v in r) for r in straight.get(name, ())]
        extra = Counter(there) - Counter(here)
        missing = Counter(here) - Counter(there)
        if extra or missing:
            differing[name] = (list(missing)[:2], list(extra)[:2])
    return differing


def _renamed_value(renamed: dict[object, object], value: object) -> object:
    """Return a key by its other name; a list as something that can be counted."""
    return tuple(value) if isinstance(value, list) else renamed.get(value, value)


def _renamed(home: Home, other: Home) -> dict[object, object]:
    """Return each customer key of the other home with the one of the first home."""
    query = "select record_id, customer_key from identity.customer_identity"
    here = dict(home.rows(query))
    there = dict(other.rows(query))
    assert here.keys() == there.keys()
    pairs = {(there[record], here[record]) for record in here}
    renamed = dict(pairs)
    assert len(pairs) == len(renamed) == len(set(renamed.values()))
    return {old: new for old, new in renamed.items() if old is not None}


def run_dbt(
    database: Path, as_of: date, folder: Path, *arguments: str
) -> subprocess.CompletedProcess[str]:
    """Run dbt on a database as a build does; what it writes lies in `folder`."""
    variables = {
        "as_of_date": as_of.isoformat(),
        "candidate_path": str(database),
        "memory": "1GB",
        "threads": 2,
    }
    return subprocess.run(
        [
            *(DBT, *arguments),
            *("--project-dir", PROJECT / "dbt_project"),
            *("--profiles-dir", PROJECT / "dbt_project"),
            *("--target-path", folder / "target", "--log-path", folder / "logs"),
            *("--vars", json.dumps(variables), "--no-version-check"),
        ],
        capture_output=True,
        text=True,
        check=False,
    )
