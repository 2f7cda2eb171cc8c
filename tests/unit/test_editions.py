"""An edition is published in one instant, or not at all."""

from __future__ import annotations

import json
import os
import subprocess
import sys
import threading
from datetime import UTC, datetime, timedelta, tzinfo
from pathlib import Path

import duckdb
import pytest

from ingestion.errors import BuildFailed, GateStopped, NotReady, SettingsError
from tests.damage import flip_a_bit
from warehouse.editions import DATABASE, NOTE, Candidate, Edition, Editions, copy_file

AS_OF = "2026-03-01"


def fill(candidate: Candidate, number: int) -> None:
    with duckdb.connect(str(candidate.database)) as connection:
        connection.execute(
            f"create or replace table answer as select {number} as n, {number} as same"
        )
        connection.execute("checkpoint")


def published(editions: Editions, number: int, keep: int = 7) -> Edition:
    candidate = editions.new_candidate()
    fill(candidate, number)
    return editions.publish(candidate, AS_OF, (), keep)


def answer(editions: Editions) -> tuple[int, int]:
    path = editions.current_link.resolve() / DATABASE
    with duckdb.connect(str(path), read_only=True) as connection:
        rows = connection.execute("select n, same from answer").fetchall()
    return rows[0]


@pytest.fixture
def editions(tmp_path: Path) -> Editions:
    return Editions(tmp_path)


def test_there_is_no_edition_before_the_first(editions: Editions) -> None:
    assert editions.current() is None
    assert editions.all() == []
    with pytest.raises(SettingsError, match="no earlier edition"):
        editions.rollback()


def test_a_candidate_is_a_copy_that_nobody_sees_before_it_is_published(
    editions: Editions,
) -> None:
    first = published(editions, 1)
    candidate = editions.new_candidate()
    assert candidate.base == first.id
    fill(candidate, 2)
    assert answer(editions) == (1, 1)
    editions.publish(candidate, AS_OF, ("atm.x 2026-03-01",), 7)
    current = editions.current()
    assert current is not None
    assert answer(editions) == (2, 2)
    assert (current.base, current.missing) == (first.id, ("atm.x 2026-03-01",))
    file = editions.folder(current.id) / DATABASE
    assert current.bytes == file.stat().st_size
    assert file.stat().st_mode & 0o222 == 0


def test_a_candidate_that_was_not_closed_is_not_published(editions: Editions) -> None:
    published(editions, 1)
    candidate = editions.new_candidate()
    candidate.database.with_name(DATABASE + ".wal").write_bytes(b"x")
    with pytest.raises(GateStopped, match="not closed cleanly"):
        editions.publish(candidate, AS_OF, (), 7)
    assert answer(editions) == (1, 1)


def test_a_candidate_of_an_older_base_is_not_published(editions: Editions) -> None:
    first = published(editions, 1)
    published(editions, 2)
    candidate = editions.new_candidate()
    fill(candidate, 3)
    editions.rollback(first.id)
    with pytest.raises(GateStopped, match="moved while"):
        editions.publish(candidate, AS_OF, (), 7)
    assert answer(editions) == (1, 1)


def test_rollback_is_a_flip_and_the_next_edition_stands_on_it(
    editions: Editions,
) -> None:
    first, second = published(editions, 1), published(editions, 2)
    assert editions.rollback().id == first.id
    assert answer(editions) == (1, 1)
    third = published(editions, 3)
    assert third.base == first.id
    assert third.id not in {first.id, second.id}
    assert editions.rollback(second.id) == second
    assert answer(editions) == (2, 2)
    with pytest.raises(SettingsError, match="is no edition"):
        editions.rollback("edition-999999")
    assert answer(editions) == (2, 2)


def test_pruning_keeps_the_newest_and_what_a_rollback_needs(
    editions: Editions,
) -> None:
    ids = [published(editions, n, keep=3).id for n in range(1, 7)]
    assert [e.id for e in editions.all()] == ids[-3:]
    editions.rollback(ids[3])
    last = published(editions, 9, keep=1)
    assert {ids[3], last.id} <= {e.id for e in editions.all()}
    assert answer(editions) == (9, 9)


def test_what_a_killed_build_left_is_thrown_away(editions: Editions) -> None:
    published(editions, 1)
    fill(editions.new_candidate(), 2)
    candidate = editions.new_candidate()
    folders = list((editions.root / "candidates").iterdir())
    assert folders == [candidate.folder]
    fill(candidate, 3)
    editions.publish(candidate, AS_OF, (), 7)
    assert answer(editions) == (3, 3)


KILLED_BEFORE_ITS_FLIP = """
import os, sys, pathlib
import warehouse.editions as e
editions = e.Editions(pathlib.Path(sys.argv[1]))
candidate = editions.new_candidate()
sys.addaudithook(lambda event, args: event == "os.symlink" and os._exit(9))
editions.publish(candidate, "2026-03-02", (), 7)
"""


def test_a_publish_that_is_killed_before_its_flip_heals(editions: Editions) -> None:
    first = published(editions, 1)
    killed = subprocess.run(
        [sys.executable, "-c", KILLED_BEFORE_ITS_FLIP, str(editions.root)], check=False
    )
    assert killed.returncode == 9
    assert editions.current() == first
    assert answer(editions) == (1, 1)
    published(editions, 3)
    assert answer(editions) == (3, 3)
    assert len({e.id for e in editions.all()}) == len(editions.all())


def test_only_one_writer_holds_the_lock_and_its_death_frees_it(
    editions: Editions,
) -> None:
    code = (
        "import sys, pathlib; from warehouse.editions import Editions\n"
        "with Editions(pathlib.Path(sys.argv[1])).writing(): "
        "print('held', flush=True); sys.stdin.read()"
    )
    holder = subprocess.Popen(
        [sys.executable, "-c", code, str(editions.root)],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
    )
    assert holder.stdout is not None
    assert holder.stdout.readline() == b"held\n"
    with (
        pytest.raises(NotReady, match="another build"),
        editions.writing(wait_seconds=0.1),
    ):
        pass
    holder.kill()
    holder.communicate()
    with editions.writing(wait_seconds=5):
        pass


@pytest.mark.parametrize("size", [0, 1, 12_345_678])
def test_a_copy_is_the_same_bytes(tmp_path: Path, size: int) -> None:
    source, target = tmp_path / "source", tmp_path / "target"
    source.write_bytes(os.urandom(size))
    copy_file(source, target)
    assert target.read_bytes() == source.read_bytes()


def test_a_reader_sees_one_whole_edition_through_every_flip(
    editions: Editions,
) -> None:
    published(editions, 0)
    seen: list[tuple[int, int]] = []
    failed: list[Exception] = []
    over = threading.Event()

    def read() -> None:
        while not over.is_set():
            try:
                seen.append(answer(editions))
            except Exception as error:  # noqa: BLE001, RUF100
                failed.append(error)

    reader = threading.Thread(target=read)
    reader.start()
    for number in range(1, 12):
        published(editions, number, keep=3)
    over.set()
    reader.join()
    assert failed == []
    assert seen
    assert all(one == same for one, same in seen)
    assert [n for n, _ in seen] == sorted(n for n, _ in seen)


def test_an_open_reader_outlives_its_edition(editions: Editions) -> None:
    first = published(editions, 1)
    path = editions.folder(first.id) / DATABASE
    with duckdb.connect(str(path), read_only=True) as connection:
        for number in range(2, 6):
            published(editions, number, keep=1)
        assert not path.exists()
        assert connection.execute("select n from answer").fetchall() == [(1,)]


def test_every_edition_has_its_note(editions: Editions) -> None:
    edition = published(editions, 1)
    assert (editions.folder(edition.id) / NOTE).is_file()
    assert editions.current_link.is_symlink()
    assert os.readlink(editions.current_link) == edition.id  # noqa: PTH115


def _damage(editions: Editions, edition: Edition) -> Path:
    path = editions.folder(edition.id) / DATABASE
    flip_a_bit(path)
    return path


def test_a_damaged_edition_is_not_built_on(editions: Editions) -> None:
    first = published(editions, 1)
    second = published(editions, 2)
    editions.hold_whole()
    path = _damage(editions, second)
    damage = editions.damage(second)
    assert damage == f"{path} is not the file that was published"
    with pytest.raises(BuildFailed, match=f"Run: passbook rollback {first.id} "):
        editions.hold_whole()
    path.write_bytes(b"short")
    assert "has 5 bytes instead of" in str(editions.damage(second))
    path.unlink()
    assert str(editions.damage(second)).endswith("is gone")
    assert editions.damage(first) is None


def test_without_a_whole_edition_all_is_to_be_built_anew(editions: Editions) -> None:
    _damage(editions, published(editions, 1))
    with pytest.raises(BuildFailed, match="There is no whole edition"):
        editions.hold_whole()


def test_a_rollback_does_not_go_to_a_damaged_edition(editions: Editions) -> None:
    first = published(editions, 1)
    published(editions, 2)
    _damage(editions, first)
    with pytest.raises(SettingsError, match="is damaged"):
        editions.rollback()
    assert answer(editions) == (2, 2)


def test_pruning_removes_what_is_too_old_but_for_the_last_two(
    editions: Editions,
) -> None:
    old = [published(editions, n) for n in range(3)]
    for edition in old:
        note = editions.folder(edition.id) / NOTE
        said = json.loads(note.read_text())
        said["as_of"] = "2026-01-29"
        note.write_text(json.dumps(said))
    candidate = editions.new_candidate()
    fill(candidate, 4)
    newest = editions.publish(candidate, AS_OF, (), 7, keep_days=30)
    assert [e.id for e in editions.all()] == [old[-1].id, newest.id]


@pytest.mark.parametrize("jump", [timedelta(days=4000), timedelta(days=-4000)])
def test_a_clock_that_jumps_removes_no_edition(
    editions: Editions, jump: timedelta, monkeypatch: pytest.MonkeyPatch
) -> None:
    old = [published(editions, n) for n in range(3)]

    class Jumped(datetime):
        @classmethod
        def now(cls, tz: tzinfo | None = None) -> Jumped:
            return cls.fromisoformat((datetime.now(tz) + jump).isoformat())

    monkeypatch.setattr("warehouse.editions.datetime", Jumped)
    candidate = editions.new_candidate()
    fill(candidate, 4)
    newest = editions.publish(candidate, AS_OF, (), 7, keep_days=30)
    assert abs(datetime.fromisoformat(newest.published_at) - datetime.now(UTC)) > (
        timedelta(days=3000)
    )
    assert [e.id for e in editions.all()] == [*(e.id for e in old), newest.id]
    assert editions.current() == newest


def test_a_note_of_a_later_version_is_read(editions: Editions) -> None:
    first = published(editions, 1)
    note = editions.folder(first.id) / NOTE
    said = json.loads(note.read_text())
    note.write_text(json.dumps({**said, "something_new": 1}))
    assert editions.current() == first
