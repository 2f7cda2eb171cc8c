"""Every formula of the models holds on rows that a person can check by hand."""

from __future__ import annotations

import json
from dataclasses import dataclass
from typing import Any

import pytest

from tests.integration.bank_runs import run_dbt
from tests.integration.oracle import AS_OF, straight_bank

FEWEST_TESTS = 35
CALCULATING_LAYERS = {"intermediate", "marts", "ops"}


@dataclass(frozen=True)
class UnitTested:
    """What dbt says of one run of the unit tests."""

    manifest: dict[str, Any]
    results: list[dict[str, Any]]
    output: str


@pytest.fixture(scope="module")
def unit_tested(tmp_path_factory: pytest.TempPathFactory) -> UnitTested:
    bank = straight_bank(tmp_path_factory.getbasetemp())
    folder = tmp_path_factory.mktemp("dbt")
    done = run_dbt(
        bank.candidate, AS_OF, folder, "test", "--select", "resource_type:unit_test"
    )
    found = folder / "target" / "run_results.json"
    assert found.exists(), done.stdout
    return UnitTested(
        json.loads((folder / "target" / "manifest.json").read_text()),
        json.loads(found.read_text())["results"],
        done.stdout,
    )


def test_every_unit_test_of_the_models_passes(unit_tested: UnitTested) -> None:
    failed = [r["unique_id"] for r in unit_tested.results if r["status"] != "pass"]
    assert not failed, f"{failed}\n{unit_tested.output[-5000:]}"
    assert len(unit_tested.results) >= FEWEST_TESTS
    assert len(unit_tested.results) == len(unit_tested.manifest["unit_tests"])


def test_every_model_that_calculates_has_a_unit_test(unit_tested: UnitTested) -> None:
    models = {
        name: node
        for name, node in unit_tested.manifest["nodes"].items()
        if node["resource_type"] == "model" and node["fqn"][1] in CALCULATING_LAYERS
    }
    tested = {
        name
        for test in unit_tested.manifest["unit_tests"].values()
        for name in test["depends_on"]["nodes"]
        if name.endswith(f".{test['model']}")
    }
    assert len(models) >= 20
    assert sorted(set(models) - tested) == []


def test_every_unit_test_says_what_is_to_be_checked(unit_tested: UnitTested) -> None:
    tests = unit_tested.manifest["unit_tests"].values()
    assert tests
    assert [t["name"] for t in tests if not (t["description"] or "").strip()] == []


def test_the_night_runs_no_unit_tests(
    unit_tested: UnitTested, tmp_path_factory: pytest.TempPathFactory
) -> None:
    """They stand in for their inputs, so in a night they would only cost time."""
    bank = straight_bank(tmp_path_factory.getbasetemp())
    data_tests = [
        node
        for node in unit_tested.manifest["nodes"].values()
        if node["resource_type"] == "test"
    ]
    gates = sorted((bank.home.root / "ledger" / "gate").rglob("*.json"))
    assert gates, "no gate has run"
    counted = [json.loads(p.read_text())["details"]["data_tests"] for p in gates]
    assert counted == [len(data_tests)] * len(gates)
