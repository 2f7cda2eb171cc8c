"""A bank of one channel in a folder, and a web server that hears of its nights."""

from __future__ import annotations

import json
import threading
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from datetime import date
from http.server import BaseHTTPRequestHandler, HTTPServer
from pathlib import Path
from typing import Any

import pyarrow.parquet as pq
import pytest
import yaml

from ingestion.contract import Contract, load_contract, load_contracts
from ingestion.lake import Lake
from ingestion.landing import Landed, land
from ingestion.tokens import Keys, unseal

DAY = date(2026, 3, 1)
KEYS = Keys(b"t" * 32, b"s" * 32)


def column(name: str, kind: str = "string", **how: Any) -> dict[str, Any]:
    """Return a column of a contract; keys the standard does not know are customs."""
    standard = {
        "physicalName",
        "physicalType",
        "required",
        "primaryKey",
        "classification",
        "transformSourceObjects",
    }
    stated = {k: v for k, v in how.items() if k in standard}
    customs = [{"property": k, "value": v} for k, v in how.items() if k not in standard]
    return {
        "name": name,
        "logicalType": kind,
        "classification": "public",
        "description": "Meaning.",
        "customProperties": customs,
        **stated,
    }


def key(name: str = "id", **how: Any) -> dict[str, Any]:
    return column(name, primaryKey=True, required=True, **how)


def feed(
    name: str,
    columns: Sequence[dict[str, Any]],
    layout: dict[str, Any],
    control: dict[str, Any] | None = None,
    delivery: dict[str, Any] | None = None,
    rejects: dict[str, Any] | None = None,
) -> dict[str, Any]:
    customs = {
        "layout": layout,
        "control": control or {"kind": "none"},
        "delivery": delivery or {},
        "rejects": rejects or {"max_count": 10**9, "max_ratio": 1.0},
    }
    return {
        "name": name,
        "logicalType": "object",
        "customProperties": [{"property": k, "value": v} for k, v in customs.items()],
        "properties": list(columns),
    }


@dataclass
class Channel:
    """Contracts, extracts and lake under one folder; `f` is the channel `c`'s feed."""

    root: Path
    name: str = "c"
    day: date = DAY
    zone: str = "Asia/Shanghai"
    keys: Keys = field(default_factory=lambda: KEYS)

    @property
    def lake(self) -> Lake:
        return Lake(self.root / "lake")

    @property
    def folder(self) -> Path:
        folder = self.root / "extracts" / self.name / self.day.isoformat()
        folder.mkdir(parents=True, exist_ok=True)
        return folder

    def agree(self, *feeds: dict[str, Any], alone: bool = True) -> Contract:
        """Write a contract of these feeds and read it back."""
        document = {
            "apiVersion": "v3.1.0",
            "kind": "DataContract",
            "id": f"passbook.{self.name}",
            "name": self.name,
            "version": "1.0.0",
            "status": "active",
            "schema": list(feeds),
        }
        path = self.root / "contracts" / f"{self.name}.odcs.yaml"
        path.parent.mkdir(parents=True, exist_ok=True)
        text = yaml.safe_dump(document, allow_unicode=True)
        path.write_text(text, encoding="utf-8")
        return load_contract(path) if alone else load_contracts(path.parent)[self.name]

    def deliver(self, data: bytes, name: str = "f.csv") -> Path:
        path = self.folder / name
        path.write_bytes(data)
        return path

    def land(self, contract: Contract, name: str = "f") -> Landed:
        return land(
            contract,
            contract.feed(name),
            self.root / "extracts",
            self.lake,
            self.day,
            self.keys,
            self.zone,
        )

    def rows(self, contract: Contract, name: str = "f") -> list[dict[str, Any]]:
        path = self.lake.partition(contract.feed(name), self.day)
        rows: list[dict[str, Any]] = pq.read_table(path, partitioning=None).to_pylist()
        return rows

    def rejects(self, contract: Contract, name: str = "f") -> list[dict[str, Any]]:
        path = self.lake.rejects(contract.feed(name), self.day)
        if not path.is_file():
            return []
        rows = pq.read_table(path).to_pylist()
        return [{**r, "raw": unseal(r["raw_sealed"], self.keys)} for r in rows]


@pytest.fixture
def channel(tmp_path: Path) -> Channel:
    """An empty bank of one channel."""
    return Channel(tmp_path)


@pytest.fixture
def hook() -> Iterator[tuple[list[dict[str, Any]], str]]:
    """A real web server on this machine; what it is sent stands in the list."""
    received: list[dict[str, Any]] = []

    class Handler(BaseHTTPRequestHandler):
        def do_POST(self) -> None:
            if self.path != "/hook":
                self.send_error(500)
                return
            length = int(self.headers["Content-Length"])
            received.append(json.loads(self.rfile.read(length)))
            self.send_response(204)
            self.end_headers()

        def log_message(self, *_: object) -> None:
            """Say nothing."""

    server = HTTPServer(("127.0.0.1", 0), Handler)
    threading.Thread(target=server.serve_forever, daemon=True).start()
    yield received, f"http://127.0.0.1:{server.server_port}"
    server.shutdown()
    server.server_close()
