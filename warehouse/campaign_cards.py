"""Says of a campaign what was wanted, what came of it, and where it broke."""

from __future__ import annotations

import json
from collections.abc import Sequence
from pathlib import Path
from typing import Any
from urllib.parse import quote

import duckdb
from jinja2 import Environment, FileSystemLoader
from markupsafe import Markup

from ingestion.artefacts import write_text
from ingestion.errors import SettingsError
from quality.pages import TEMPLATES, style
from warehouse.bank import Bank

HERE = Path(__file__).parent
LARGEST = 3
HIDDEN_PERSON = "a person of the department"
# What a card holds each campaign against the others by.
COMPARED = (
    *("campaign_id", "state_code", "verdict_code", "treated_count", "control_count"),
    *("uplift_ratio", "uplift_low_ratio", "uplift_high_ratio"),
    *("gained_response_count", "cost_amount", "gained_contribution_amount"),
    *("return_ratio", "complaint_gain_ratio", "opted_out_count", "break_count"),
)


def scorecard(bank: Bank, campaign_id: str) -> dict[str, Any]:
    """Return what is known of a campaign on the current edition.

    `campaign` is its row of `mart.campaigns`, `steps` the funnel with what a customer
    who came so far cost, `groups` the results by group, `readings` each evening's,
    `breaks` the largest three; a person is named to stewards alone. `plan` is what
    was planned, None where the campaign was not planned here.

    Raises:
        SettingsError: There is no edition, or no campaign of that id in it.
    """
    # By its id: another may be published between one question and the next.
    edition = bank.editions.published()
    database = bank.editions.published_database(edition.id)
    with duckdb.connect(str(database), read_only=True) as connection:
        (campaign,) = _campaigns(connection, [campaign_id])
        results = _rows(connection, "mart.campaign_results", campaign_id)
        readings = _rows(connection, "mart.campaign_readings", campaign_id)
        failures = _rows(connection, "mart.campaign_failures", campaign_id)
        names = {
            row[0]: row[1]
            for row in connection.execute(
                "select step_code, step_name_en from policy.campaign_steps "
                "union all select failure_code, failure_name_en "
                "from policy.campaign_failure_names"
            ).fetchall()
        }
    whole = next((r for r in results if r["dimension_code"] == "all"), {})
    return {
        "campaign": campaign,
        "plan": _plan_of(bank, campaign_id),
        "steps": _steps(whole, names),
        "groups": [r for r in results if r["dimension_code"] != "all"],
        "readings": readings,
        "breaks": [
            as_seen(bank.settings.role, row, names) for row in _largest(failures)
        ],
        "holders_judged": sum(bool(row["is_enough"]) for row in failures),
        "edition": edition.id,
        "as_of": edition.as_of,
    }


def compare(bank: Bank, campaign_ids: Sequence[str]) -> list[dict[str, Any]]:
    """Return a row a campaign, of all if none is named; what gained most comes first.

    Raises:
        SettingsError: There is no edition, or no campaign of an id in it.
    """
    with duckdb.connect(
        str(bank.editions.published_database()), read_only=True
    ) as connection:
        rows = _campaigns(connection, campaign_ids)
    rows.sort(key=lambda r: -(r["gained_contribution_amount"] or 0))
    return [{key: row[key] for key in COMPARED} for row in rows]


def write_page(bank: Bank, card: dict[str, Any]) -> Path:
    """Write a scorecard as a page that needs no network and prints; return its path."""
    pages = Environment(
        loader=FileSystemLoader([HERE / "templates", TEMPLATES]),
        autoescape=True,
        trim_blocks=True,
        lstrip_blocks=True,
    )
    pages.filters["points"] = lambda v: "" if v is None else f"{100 * v:+.1f} points"
    pages.filters["ratio"] = lambda v: "" if v is None else f"{100 * v:+.1f} %"
    pages.filters["share"] = lambda v: "" if v is None else f"{100 * v:.1f} %"
    pages.filters["amount"] = lambda v: "" if v is None else f"{v:,.2f}"
    pages.filters["count"] = lambda v: "" if v is None else f"{v:,.0f}"
    text = pages.get_template("campaign_card.j2").render(
        **card, scale=_scale(card), style=Markup(style())
    )
    # What a feed calls a campaign may be no name of a file.
    name = quote(card["campaign"]["campaign_id"], safe="")
    path = bank.settings.home / "scorecards" / f"{name}.html"
    write_text(path, text)
    return path


def _campaigns(
    connection: duckdb.DuckDBPyConnection, campaign_ids: Sequence[str]
) -> list[dict[str, Any]]:
    """Return the campaigns of some ids, of all where none is named."""
    known = {
        row["campaign_id"]: {**row, "complaint_gain_ratio": _complaint_gain(row)}
        for row in _rows(connection, "mart.campaigns")
    }
    for name in campaign_ids:
        if name not in known:
            raise SettingsError(
                name,
                "is no campaign of the edition",
                expected=", ".join(known) or "none is known",
            )
    return [known[name] for name in campaign_ids or known]


def _rows(
    connection: duckdb.DuckDBPyConnection, table: str, campaign_id: str | None = None
) -> list[dict[str, Any]]:
    condition = "" if campaign_id is None else "where campaign_id = ?"
    values = [] if campaign_id is None else [campaign_id]
    answer = connection.execute(f"from {table} {condition}", values)
    names = [column[0] for column in answer.description]
    return [dict(zip(names, row, strict=True)) for row in answer.fetchall()]


def _complaint_gain(row: dict[str, Any]) -> float | None:
    """Return cases per customer contacted beyond those per customer held out."""
    if not row["treated_count"] or not row["control_count"]:
        return None
    gain: float = (
        row["treated_case_count"] / row["treated_count"]
        - row["control_case_count"] / row["control_count"]
    )
    return gain


def _plan_of(bank: Bank, campaign_id: str) -> dict[str, Any] | None:
    folder = bank.settings.home / "campaigns"
    path = folder / campaign_id / "plan.json"
    if path.parent.parent != folder or not path.exists():
        return None
    plan: dict[str, Any] = json.loads(path.read_text(encoding="utf-8"))
    return plan


def _steps(whole: dict[str, Any], names: dict[str, str]) -> list[dict[str, Any]]:
    """Return the funnel of those to be contacted, each step with its cost so far."""
    if not whole:
        return []
    codes = [
        *("attempted", "delivered", "reached", "interested"),
        *("offered", "applied", "fulfilled"),
    ]
    counts = {"listed": whole["treated_count"]}
    counts |= {code: whole[f"{code}_count"] for code in codes}
    return [
        {
            "step_code": code,
            "step_name": names[code],
            "customer_count": count,
            "of_listed_ratio": count / counts["listed"] if counts["listed"] else None,
            "cost_per_customer_amount": round(whole["cost_amount"] / count, 2)
            if count
            else None,
        }
        for code, count in counts.items()
    ]


def _largest(failures: list[dict[str, Any]]) -> list[dict[str, Any]]:
    broken = [row for row in failures if row["is_break"]]
    return sorted(broken, key=lambda row: row["break_rank"])[:LARGEST]


def as_seen(role: str, row: dict[str, Any], names: dict[str, str]) -> dict[str, Any]:
    """Return a break with its names, a person's id as the role may see it."""
    employee = row["employee_id"]
    if employee is not None and role != "steward":
        employee = HIDDEN_PERSON
    kept = (
        *("break_rank", "step_code", "department_id", "team_id", "entered_count"),
        *("failed_count", "failure_ratio", "peer_failure_ratio", "limit_high_ratio"),
        *("corrected_probability", "lost_response_count", "top_failure_code"),
    )
    return {
        **{key: row[key] for key in kept},
        "employee_id": employee,
        "step_name": names[row["step_code"]],
        "failure_name": names.get(row["top_failure_code"], ""),
    }


def _scale(card: dict[str, Any]) -> float:
    """Return the uplift, either way, that the ends of the page's axis stand for."""
    rows = [card["campaign"], *card["groups"]]
    ends: list[float] = [
        abs(row[end])
        for row in rows
        for end in ("uplift_low_ratio", "uplift_high_ratio")
        if row[end] is not None
    ]
    return max([0.01, *ends])
