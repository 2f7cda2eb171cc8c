"""One fact, one place: rosters that must name the same things name the same things."""

from __future__ import annotations

import re
import subprocess
from pathlib import Path

import click
import typer.main
import yaml

from ingestion.contract import _COLUMN_CUSTOMS, Layout, load_contracts
from warehouse.bank import SHIPPED_CONTRACTS
from warehouse.cli import app
from warehouse.settings import PROJECT, load_settings

MODELS = PROJECT / "dbt_project" / "models"


def _commands(group: click.Group, prefix: str = "") -> list[str]:
    names = []
    for name, command in group.commands.items():
        if hasattr(command, "commands"):
            names += _commands(command, f"{prefix}{name} ")  # type: ignore[arg-type]
        else:
            names.append(prefix + name)
    return names


def test_every_command_is_documented() -> None:
    text = (PROJECT / "docs" / "commands.md").read_text()
    names = _commands(typer.main.get_command(app))  # type: ignore[arg-type]
    assert len(names) > 12
    assert [n for n in names if f"`passbook {n}" not in text] == []


def test_every_contract_setting_is_documented() -> None:
    text = (PROJECT / "docs" / "contracts.md").read_text()
    names = {*_COLUMN_CUSTOMS, *Layout.model_fields}
    assert len(names) > 12
    assert sorted(n for n in names if f"`{n}`" not in text) == []


def test_every_setting_is_printed_with_its_source() -> None:
    settings = load_settings({"PASSBOOK_CURRENCY": "EUR"})
    by_name = {s.variable: s for s in settings.sources}
    assert by_name["PASSBOOK_CURRENCY"].source == "environment"
    assert by_name["PASSBOOK_TIMEZONE"].source == "default"
    assert all(s.meaning for s in settings.sources)


def test_dbt_sources_are_the_feeds_of_the_contracts() -> None:
    sources = yaml.safe_load((MODELS / "staging" / "_sources.yml").read_text())
    raw = next(s for s in sources["sources"] if s["name"] == "raw")
    named = [table["name"] for table in raw["tables"]]
    contracts = load_contracts(SHIPPED_CONTRACTS)
    due = [f"{c.channel}__{f.name}" for c in contracts.values() for f in c.feeds]
    assert len(due) > 15
    assert sorted(named) == sorted(due)
    assert all(set(table) == {"name"} for table in raw["tables"])


def test_every_feed_has_a_staging_model() -> None:
    models = {path.stem for path in MODELS.rglob("*.sql")}
    contracts = load_contracts(SHIPPED_CONTRACTS)
    due = {f"stg_{c.channel}__{f.name}" for c in contracts.values() for f in c.feeds}
    assert due
    assert due <= models


def test_every_model_begins_with_its_grain() -> None:
    models = sorted(MODELS.rglob("*.sql"))
    assert len(models) > 30
    without = [
        path.name
        for path in models
        if not re.match(r"-- One row per .+", path.read_text().splitlines()[0])
    ]
    assert without == []


def _tracked() -> list[Path]:
    done = subprocess.run(
        ["git", "ls-files"], cwd=PROJECT, capture_output=True, text=True, check=True
    )
    return [PROJECT / line for line in done.stdout.splitlines()]


def test_no_file_names_a_package_registry() -> None:
    files = _tracked()
    assert len(files) > 50
    registries = ("pypi" + ".org", "pythonhosted" + ".org", "npmjs" + ".org")
    named = [
        path.name
        for path in files
        if path.is_file()
        and any(
            r in path.read_text(encoding="utf-8", errors="ignore") for r in registries
        )
    ]
    assert named == []


def test_every_reason_of_a_reject_is_documented() -> None:
    text = (PROJECT / "docs" / "landing.md").read_text(encoding="utf-8")
    code = "\n".join(
        path.read_text(encoding="utf-8")
        for path in (PROJECT / "ingestion").rglob("*.py")
        if path.name in {"casting.py", "csv.py", "fixed_width.py", "json_lines.py"}
        or path.name in {"mbox.py", "mail.py"}
    )
    first = "wrong|blank|bare|unclosed|stray|escaped|bad|invalid"
    used = set(re.findall(rf'"((?:{first})_\w+)"', code))
    used |= set(re.findall(r'"(missing_value|unknown_code|not_a_\w+)"', code))
    used |= {f"not_a_{kind}" for kind in ("number", "integer", "date", "boolean")}
    assert len(used) > 12
    assert sorted(r for r in used if f"`{r}`" not in text) == []
