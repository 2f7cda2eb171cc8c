"""Keeps results where a person reads them: JSON, and pages that need no network.

The body of a page is what Great Expectations renders of its own validation result; the
frame around it is ours, since theirs loads styles, scripts and pictures from elsewhere.
"""

from __future__ import annotations

import copy
import fcntl
import html
import json
import os
import uuid
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import asdict, dataclass
from functools import cache
from pathlib import Path
from typing import Any

from quality.verdict import VERDICTS, Judged, Verdict

HERE = Path(__file__).parent
TEMPLATES = HERE / "templates"
NOTE = ".verdict.json"
DATES_SHOWN = 31


@dataclass(frozen=True)
class Checked:
    """What one check came to; `date` is empty where the subject has no dates."""

    subject: str
    date: str
    verdict: Verdict
    message: str
    rows: int
    rules: int
    failed: int
    seconds: float

    @classmethod
    def of(cls, subject: str, date: str, judged: Judged, seconds: float) -> Checked:
        """Return what a judgement of a subject came to."""
        return cls(
            subject,
            date,
            judged.verdict,
            judged.message(f"{subject} {date}".rstrip()),
            judged.rows,
            judged.rules,
            len(judged.findings),
            round(seconds, 3),
        )


def keep(
    folder: Path, key: str, checked: Checked, judged: Judged | None, *, home: str
) -> None:
    """Write `<key>.json`, `<key>.html` and the verdict, each in one instant.

    Without a judgement, which is where the subject itself is not there, the page has
    the message alone.
    """
    folder.mkdir(parents=True, exist_ok=True)
    answered: Any = judged.result if judged else None
    result = answered.to_json_dict() if answered else {}
    sections = _sections(judged) if judged else []
    page = _template("quality_page.j2").render(
        checked=checked,
        lines=_lines(checked, judged),
        sections=sections,
        style=style(),
        home=home,
    )
    kept = {"verdict": asdict(checked), "validation_result": result}
    _write(folder / f"{key}.json", json.dumps(kept, ensure_ascii=False, default=str))
    _write(folder / f"{key}.html", page)
    note = json.dumps(asdict(checked), ensure_ascii=False)
    _write(folder / f"{key}{NOTE}", note)


def write_index(folder: Path, title: str, remark: str) -> None:
    """Write `index.html`: each page of a folder and its subfolders, with its verdict.

    Of each subfolder it has the latest dates; the older pages stay where they are.
    """
    with _alone(folder):
        listed = sorted(_listed(folder), key=lambda item: _rank(item[1]))
        listed.sort(key=lambda item: item[1].date, reverse=True)
        page = _template("quality_index.j2").render(
            title=title,
            remark=remark,
            listed=listed,
            counts=_counts(listed),
            has_dates=any(checked.date for _, checked in listed),
            style=style(),
        )
        _write(folder / "index.html", page)


def _rank(checked: Checked) -> tuple[int, str]:
    return VERDICTS.index(checked.verdict), checked.subject


def _counts(listed: list[tuple[str, Checked]]) -> dict[Verdict, int]:
    verdicts = [checked.verdict for _, checked in listed]
    return {verdict: verdicts.count(verdict) for verdict in VERDICTS}


def _listed(folder: Path) -> Iterator[tuple[str, Checked]]:
    """Yield the address of each page, relative to the folder, and what it says."""
    notes = sorted(folder.glob(f"*{NOTE}"))
    for inner in sorted(path for path in folder.iterdir() if path.is_dir()):
        # A date is written so that the order of names is the order of days.
        notes += sorted(inner.glob(f"*{NOTE}"))[-DATES_SHOWN:]
    for note in notes:
        values = json.loads(note.read_text(encoding="utf-8"))
        page = note.with_name(note.name.removesuffix(NOTE) + ".html")
        yield page.relative_to(folder).as_posix(), Checked(**values)


def _lines(checked: Checked, judged: Judged | None) -> list[tuple[str, str, str]]:
    """Return severity, rule and what was found, of each rule that failed."""
    if judged is None or not judged.findings:
        return [("error", "", checked.message)] if checked.message else []
    return [(f.rule.severity, f.rule.name, f.said) for f in judged.findings]


def _sections(judged: Judged) -> list[dict[str, Any]]:
    """Return the sections that Great Expectations renders, without its own heading."""
    from great_expectations.render.renderer.page_renderer import (
        ValidationResultsPageRenderer,
    )

    result: Any = copy.deepcopy(judged.result)
    for outcome in result.results:
        config = outcome.expectation_config
        # It stands in the page as it is, and a pattern may hold angle brackets.
        config.description = html.escape(config.description)
    document = ValidationResultsPageRenderer().render(result).to_json_dict()
    sections: list[dict[str, Any]] = document["sections"]
    # The heading links to pages of a site that is not there; the rest of the overview
    # is the statistics, then a fold with the run's technical notes, kept in the JSON.
    sections[0]["content_blocks"] = sections[0]["content_blocks"][1:2]
    return sections


@cache
def _view() -> Any:
    from great_expectations.render.view import view

    return view.DefaultJinjaPageView(custom_views_directory=str(TEMPLATES))


def _template(name: str) -> Any:
    return _view().env.get_template(name)


@cache
def style() -> str:
    """Return the style of all pages, which stands in each of them."""
    return (HERE / "data_docs.css").read_text(encoding="utf-8")


def _write(path: Path, text: str) -> None:
    fresh = path.with_name(f".{uuid.uuid4().hex}")
    fresh.write_text(text, encoding="utf-8")
    os.replace(fresh, path)


@contextmanager
def _alone(folder: Path) -> Iterator[None]:
    """Hold the folder, so that channels checked side by side do not lose each other."""
    descriptor = os.open(folder, os.O_RDONLY)
    try:
        fcntl.flock(descriptor, fcntl.LOCK_EX)
        yield
    finally:
        os.close(descriptor)
