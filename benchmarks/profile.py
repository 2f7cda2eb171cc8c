"""How fast the marts of the customer follow a night, and how well attrition is told.

    python benchmarks/profile.py [--scale small|full] [--json]

A sample bank is landed the product's own way and given a year of history. Its edition is
built in full, and then brought forward by the next day, in a process of its own, so that
its memory is its own. Due is what the marts of the customer take then, and all that they
are made from after the identity step; all models after it are told beside it. The ratio
holds the night against the full build of the same models in the same run.

Where the real extracts lie beside the project, attrition is forecast on the Eagle bank,
out of time, and held against the rule.
"""

from __future__ import annotations

import json
import os
import resource
import subprocess
import sys
from collections.abc import Mapping, Sequence
from dataclasses import asdict
from pathlib import Path
from typing import Any

ROOT = Path(__file__).resolve().parents[1]
# In place of this folder, whose profile.py is not the one that libraries look for.
sys.path[0] = str(ROOT)

from benchmarks._profile_bank import Past, land, night, publish_history  # noqa: E402
from benchmarks._runs import Found, in_a_child, run  # noqa: E402

# Due at full scale on 2 cores.
DUE_MARTS_SECONDS = 60.0
DUE_PEAK_GIB = 6.0
CUSTOMERS = {"full": 1_000_000, "small": 150}
# A year, of which no two months are alike.
HISTORY = {"full": Past(12, 30, kept_of_ten=8), "small": Past(12, 3, kept_of_ten=8)}
SLOWEST = 3
# What is known of a customer, and what the bank's overview makes of it.
MARTS = (
    "customers",
    "customer_sources",
    "profile_history",
    "customer_contribution_monthly",
    "contribution_reconciliation",
    "contribution_curve",
    "ledger_positions",
    "customer_tiers",
    "tier_migration",
    "segments",
    "segment_months",
    "segment_needs",
    "segment_profiles",
    "customer_signals",
    "attrition_months",
    "branch_overview",
    "branch_months",
    "bank_overview",
    "channel_mix",
)
EAGLE = ROOT.parent / "shared" / "data" / "eagle_bank"
EAGLE_NIGHT = "2014-03-30"


def land_bank(root: str, scale: str) -> dict[str, Any]:
    """Land the bank."""
    land(Path(root), CUSTOMERS[scale])
    return {}


def full_build(root: str, scale: str) -> dict[str, Any]:
    """Publish the bank with its past; return the time and the interactions."""
    built, interactions = publish_history(Path(root), HISTORY[scale])
    return {**asdict(built), "interactions": interactions}


def night_after(root: str) -> dict[str, Any]:
    """Bring it forward by a night; return the time, the bytes and the memory."""
    built, size = night(Path(root))
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 2**20
    return {**asdict(built), "bytes": size, "peak_gib": peak}


def seconds_of(
    marts: Sequence[str], seconds: Mapping[str, float], read: Mapping[str, list[str]]
) -> float:
    """Return what marts took, with every model that they are made from."""
    wanted, todo = set[str](), list(marts)
    while todo:
        model = todo.pop()
        if model not in wanted:
            wanted.add(model)
            todo += read[model]
    return sum(seconds[model] for model in wanted)


def eagle_figures(folder: Path) -> dict[str, float]:
    """Return how well attrition is forecast on the real bank; none without it."""
    if not EAGLE.is_dir():
        return {}
    contracts = ROOT / "docs" / "onboarding" / "eagle_bank" / "contracts"
    environment = {
        **os.environ,
        "PASSBOOK_HOME": str(folder),
        "PASSBOOK_EXTRACTS": str(EAGLE),
        "PASSBOOK_KEY_FILE": str(folder / "card.key"),
        "PASSBOOK_CONTRACTS": str(contracts),
        "PASSBOOK_TIMEZONE": "America/New_York",
        "PASSBOOK_COUNTRY": "US",
        "PASSBOOK_CURRENCY": "USD",
    }
    command = Path(sys.executable).with_name("passbook")
    outputs = [
        subprocess.run(
            [command, *words],
            env=environment,
            capture_output=True,
            text=True,
            check=True,
        ).stdout
        for words in (
            ["night", "--date", EAGLE_NIGHT],
            ["attrition", "train", "--json"],
        )
    ]
    told = json.loads(outputs[-1])[0]
    figures = {"attrition_judged_losses": told["judged_losses"]}
    for judgement in told["judgements"]:
        name = judgement["score"]
        figures[f"attrition_{name}_auc"] = round(judgement["auc"], 3)
        figures[f"attrition_{name}_first_tenth_lift"] = round(
            judgement["first_tenth_lift"], 2
        )
    return figures


def measure(scale: str, folder: Path) -> Found:
    """Return the figures, and the ratio of the night to a full build."""
    bank = folder / "bank"
    in_a_child("land", bank, scale)
    full = in_a_child("full", bank, scale)
    after = in_a_child("night", bank)
    models = sorted(after["models"].items(), key=lambda item: -item[1])
    figures = {
        "customers": CUSTOMERS[scale],
        "interactions": full["interactions"],
        "marts_seconds": round(seconds_of(MARTS, after["models"], after["read"]), 2),
        "night_seconds": round(after["seconds"], 2),
        "full_seconds": round(full["seconds"], 2),
        "peak_gib": round(after["peak_gib"], 2),
        "edition_gib": round(after["bytes"] / 2**30, 2),
        **{f"{name}_seconds": round(s, 2) for name, s in models[:SLOWEST]},
        **(eagle_figures(folder / "eagle") if scale == "full" else {}),
    }
    ratio = figures["night_seconds"] / figures["full_seconds"]
    title = f"Profile, {CUSTOMERS[scale]:,} customers"
    return Found(title, figures, {"night_to_full": ratio})


def shortfalls(figures: dict[str, float]) -> list[str]:
    """Return the due figures that were missed."""
    missed = []
    if figures["marts_seconds"] > DUE_MARTS_SECONDS:
        missed.append(f"marts_seconds <= {DUE_MARTS_SECONDS:.0f}")
    if figures["peak_gib"] > DUE_PEAK_GIB:
        missed.append(f"peak_gib <= {DUE_PEAK_GIB:.0f}")
    if "attrition_model_auc" in figures and (
        figures["attrition_model_auc"] <= figures["attrition_rule_auc"]
    ):
        missed.append("attrition_model_auc > attrition_rule_auc")
    return missed


if __name__ == "__main__":
    parts = {"land": land_bank, "full": full_build, "night": night_after}
    sys.exit(run("profile", __doc__, CUSTOMERS, measure, shortfalls, parts))
