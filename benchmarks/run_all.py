"""Runs every benchmark and rewrites the table of benchmarks/README.md."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path

HERE = Path(__file__).resolve().parent
_HEAD = """# Benchmarks

Each script makes its own data, measures in turns and prints a table; with `--json` its
last line is one JSON object. The due figures stand in the script. `make bench` runs all
and rewrites this page; `--scale small` proves in seconds that a script works.

| benchmark | figures | ratios | misses | machine | commit |
|---|---|---|---|---|---|
"""


def main() -> None:
    scripts = sorted(p for p in HERE.glob("[a-z]*.py") if p != Path(__file__).resolve())
    rows = [_row(_run(script)) for script in scripts]
    plans = (HERE / "_plans.md").read_text(encoding="utf-8")
    (HERE / "README.md").write_text(_HEAD + "".join(rows) + plans, encoding="utf-8")


def _run(script: Path) -> dict[str, object]:
    command = [sys.executable, str(script), "--json", *sys.argv[1:]]
    done = subprocess.run(command, stdout=subprocess.PIPE, text=True, check=True)
    print(done.stdout)
    result: dict[str, object] = json.loads(done.stdout.strip().splitlines()[-1])
    return result


def _row(result: dict[str, object]) -> str:
    cells = [_cell(result.get(k)) for k in ("figures", "ratios", "short", "machine")]
    commit = str(result.get("commit"))[:10]
    figures, ratios, short, machine = cells
    return (
        f"| {result['name']} | {figures} | {ratios} | {short or 'none'} | "
        f"{machine} | {commit} |\n"
    )


def _cell(value: object) -> str:
    if isinstance(value, dict):
        return "<br>".join(f"{k}: {_cell(v)}" for k, v in value.items())
    if isinstance(value, list):
        return "<br>".join(map(str, value))
    if isinstance(value, float):
        return f"{value:,.2f}"
    return f"{value:,}" if isinstance(value, int) else str(value)


if __name__ == "__main__":
    main()
