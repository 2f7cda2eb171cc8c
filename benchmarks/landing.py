"""How fast a file lands, against plainer ways that check and account for nothing.

    python benchmarks/landing.py [--scale small|full] [--json]

Each measurement is a process of its own, so that its CPU and its peak memory are its
own. Those that are held against each other take turns; medians are shown. The rows are
those of a cash machine's journal, by the shipped contract of the channel.
"""

from __future__ import annotations

import re
import resource
import shutil
import statistics
import sys
import tempfile
import time
from datetime import date
from pathlib import Path
from typing import Any

import duckdb
import yaml

ROOT = Path(__file__).resolve().parents[1]
# In place of this folder, whose profile.py is not the one that libraries look for.
sys.path[0] = str(ROOT)

from benchmarks._runs import Found, in_a_child, of_paths, run  # noqa: E402
from ingestion.contract import Contract, load_contract, load_contracts  # noqa: E402
from ingestion.lake import Lake  # noqa: E402
from ingestion.landing import land  # noqa: E402
from ingestion.tokens import Keys  # noqa: E402

SHIPPED = ROOT / "ingestion" / "contracts"
DAY = date(2026, 3, 1)
KEYS = Keys(b"t" * 32, b"s" * 32)
ROWS = {"full": 5_000_000, "small": 20_000}
FORMAT_ROWS = {"full": 2_000_000, "small": 20_000}
CARDS = {"full": 1_000_000, "small": 5_000}
MAILS = {"full": 200_000, "small": 400}
CUSTOMERS = {"full": 260_000, "small": 500}
ROUNDS = {"full": 3, "small": 1}
LONGER = 10

# Due on 2 cores, as (name of the figure or ratio, at most or at least, value).
DUE = (
    ("cpu_to_plain_read", "<=", 1.5),
    ("wall_to_plain_read", "<=", 1.6),
    ("dlt_wall_to_landing", ">=", 3.0),
    ("peak_mib", "<=", 1024),
    ("peak_of_ten_times_the_rows", "<=", 1.1),
    ("cpu_with_1_pct_bad_rows", "<=", 2.0),
    ("cpu_with_30_pct_bad_rows", "<=", 2.0),
    ("gb18030_wall_to_utf_8", "<=", 2.0),
    ("fixed_width_wall_to_utf_8", "<=", 2.0),
    ("json_lines_wall_to_utf_8", "<=", 2.0),
    ("messages_per_second", ">=", 20_000),
    ("six_channels_seconds", "<=", 25),
)

_LINES = """
with base as (
    select i, hash(i) % {cards} as card, hash(i + 1) as h1, hash(i + 2) as h2,
        hash(i + 3) as h3
    from range({rows}) as numbers(i)
),
stems as (
    select *, '622848' || lpad(cast(hash(card) % 1000000000 as varchar), 9, '0') as stem
    from base
),
checked as (
    select *, list_sum([
        case when p % 2 = 0 then cast(stem[p] as integer)
            else cast(stem[p] as integer) * 2
                - case when cast(stem[p] as integer) > 4 then 9 else 0 end
        end for p in range(1, 16)
    ]) as total
    from stems
)
select i,
    'T' || lpad(cast(i as varchar), 13, '0') as transaction_id,
    'A' || lpad(cast(h1 % 5000 as varchar), 7, '0') as terminal_id,
    strftime(timestamp '2026-03-01' + to_seconds(cast(h2 % 86400 as bigint)),
        '%Y%m%d%H%M%S') as occurred_at,
    stem || cast((10 - total % 10) % 10 as varchar) as card_token,
    lpad(cast(hash(card + 7) % 1000000000000 as varchar), 12, '0') as account_id,
    ['01', '01', '02', '03', '04', '06'][1 + cast(h3 % 6 as bigint)] as activity_code,
    cast(cast(hash(i + 4) % 2000000 as bigint) / 100 as decimal(14, 2)) as amount,
    'CNY' as currency_code,
    ['00', '00', '00', '00', '51', '55'][1 + cast(h2 % 6 as bigint)] as outcome_code,
    '上海浦东支行' || lpad(cast(h1 % 5000 as varchar), 4, '0') as location_name
from checked
"""
COLUMNS = (
    "transaction_id",
    "terminal_id",
    "occurred_at",
    "card_token",
    "account_id",
    "activity_code",
    "amount",
    "currency_code",
    "outcome_code",
    "location_name",
)
_PLAIN_TYPES = {"occurred_at": "timestamp", "amount": "decimal(18,2)"}
# What goes wrong with a row, in turn: each is one reject.
_BAD = (
    ("amount", "'12.3.4'"),
    ("amount", "'12.345'"),
    ("occurred_at", "'20261301000000'"),
    ("activity_code", "'99'"),
    ("transaction_id", "''"),
    ("card_token", "'4111111111111112'"),
    ("currency_code", "'CNY,CNY'"),
    ("location_name", "'\"open'"),
    ("outcome_code", "'00\"x'"),
    ("terminal_id", "''"),
)


def shortfalls(found: dict[str, float]) -> list[str]:
    """Return the due figures that were missed."""
    return [
        f"{name} {sign} {due}"
        for name, sign, due in DUE
        if (found[name] > due if sign == "<=" else found[name] < due)
    ]


def measure(scale: str, folder: Path) -> Found:
    """Return all figures and ratios."""
    figures: dict[str, float] = {}
    ratios: dict[str, float] = {}
    for part in (_csv_part, _format_part, _mail_part, _channels_part):
        more_figures, more_ratios = part(scale, folder)
        figures |= more_figures
        ratios |= more_ratios
    title = f"Landing, {ROWS[scale]:,} rows of a cash machine's journal"
    return Found(title, figures, ratios)


_Part = tuple[dict[str, float], dict[str, float]]


def _csv_part(scale: str, folder: Path) -> _Part:
    rows, cards = ROWS[scale], CARDS[scale]
    banks = {
        name: bank_of(folder / name, "csv", rows, cards, bad)
        for name, bad in (("clean", 0), ("bad_1", 100), ("bad_30", 3))
    }
    extract = banks["clean"] / "extracts" / "atm" / DAY.isoformat() / "f"
    runs = in_turns(
        {
            "plain": ["plain", extract],
            **{name: ["land", bank] for name, bank in banks.items()},
        },
        ROUNDS[scale],
    )
    dlt = in_turns({"dlt": ["dlt", extract]}, 1)["dlt"]
    short_peak = runs["clean"]["peak_mib"]
    longer(extract, LONGER)
    long = in_turns({"long": ["land", banks["clean"]]}, 1)["long"]
    _hold_accounts(runs, rows)
    for bank in banks.values():
        shutil.rmtree(bank)
    clean, plain = runs["clean"], runs["plain"]
    figures = {
        "landing_wall_seconds": clean["wall"],
        "landing_cpu_seconds": clean["cpu"],
        "plain_read_wall_seconds": plain["wall"],
        "plain_read_cpu_seconds": plain["cpu"],
        "dlt_wall_seconds": dlt["wall"],
        "rows_per_second": round(rows / clean["wall"]),
        "peak_mib": short_peak,
        "peak_mib_of_ten_times_the_rows": long["peak_mib"],
        "cpu_seconds_with_1_pct_bad_rows": runs["bad_1"]["cpu"],
        "cpu_seconds_with_30_pct_bad_rows": runs["bad_30"]["cpu"],
    }
    ratios = {
        "cpu_to_plain_read": clean["cpu"] / plain["cpu"],
        "wall_to_plain_read": clean["wall"] / plain["wall"],
        "dlt_wall_to_landing": dlt["wall"] / clean["wall"],
        "peak_of_ten_times_the_rows": long["peak_mib"] / short_peak,
        "cpu_with_1_pct_bad_rows": runs["bad_1"]["cpu"] / clean["cpu"],
        "cpu_with_30_pct_bad_rows": runs["bad_30"]["cpu"] / clean["cpu"],
    }
    return figures, ratios


def _hold_accounts(runs: dict[str, dict[str, float]], rows: int) -> None:
    """Stop where a row is not accounted for: then no figure is worth anything."""
    for name, bad in (("clean", 0), ("bad_1", 100), ("bad_30", 3)):
        planted = len(range(0, rows, bad)) if bad else 0
        run = runs[name]
        if (run["landed"], run["rejected"]) != (rows - planted, planted):
            raise SystemExit(f"{name}: {run} of {rows:,} rows, {planted:,} of them bad")


def _format_part(scale: str, folder: Path) -> _Part:
    rows, cards = FORMAT_ROWS[scale], CARDS[scale]
    names = ("csv", "gb18030", "fixed_width", "json_lines")
    banks = {name: bank_of(folder / f"as_{name}", name, rows, cards) for name in names}
    runs = in_turns({n: ["land", bank] for n, bank in banks.items()}, ROUNDS[scale])
    for bank in banks.values():
        shutil.rmtree(bank)
    if {run["landed"] for run in runs.values()} != {rows}:
        raise SystemExit(f"rows are missing: {runs}")
    figures = {f"{name}_wall_seconds": run["wall"] for name, run in runs.items()}
    figures |= {f"{name}_cpu_seconds": run["cpu"] for name, run in runs.items()}
    base = runs["csv"]["wall"]
    ratios = {f"{name}_wall_to_utf_8": runs[name]["wall"] / base for name in names[1:]}
    return figures, ratios


def _mail_part(scale: str, folder: Path) -> _Part:
    bank = mail_bank(folder / "mail", MAILS[scale])
    run = in_turns({"mail": ["land", bank]}, ROUNDS[scale])["mail"]
    shutil.rmtree(bank)
    return {"messages_per_second": round(run["landed"] / run["wall"])}, {}


def _channels_part(scale: str, folder: Path) -> _Part:
    root = folder / "channels"
    in_a_child("sample", root, CUSTOMERS[scale])
    runs = in_turns({"channels": ["channels", root]}, ROUNDS[scale])["channels"]
    shutil.rmtree(root)
    return {
        "six_channels_rows": runs["landed"],
        "six_channels_seconds": runs["wall"],
    }, {}


def in_turns(
    commands: dict[str, list[Any]], rounds: int
) -> dict[str, dict[str, float]]:
    """Return the medians of each command's figures, the commands run in turns."""
    found: dict[str, list[dict[str, float]]] = {name: [] for name in commands}
    for _ in range(rounds):
        for name, command in commands.items():
            found[name].append(in_a_child(*command))
    return {
        name: {
            key: round(statistics.median(run[key] for run in runs), 3)
            for key in runs[0]
        }
        for name, runs in found.items()
    }


# One measurement each.


def _land_one(bank: Path) -> dict[str, float]:
    contract = load_contract(next((bank / "contracts").glob("*.yaml")))
    shutil.rmtree(bank / "lake", ignore_errors=True)
    before, started = _cpu(), time.perf_counter()
    landed = land(
        contract,
        contract.feeds[0],
        bank / "extracts",
        Lake(bank / "lake"),
        DAY,
        KEYS,
        "Asia/Shanghai",
    )
    figures = _figures(before, started)
    return {**figures, "landed": landed.landed, "rejected": landed.rejected}


def _plain_one(extract: Path) -> dict[str, float]:
    types = ", ".join(f"'{c}': '{_PLAIN_TYPES.get(c, 'varchar')}'" for c in COLUMNS)
    before, started = _cpu(), time.perf_counter()
    with tempfile.TemporaryDirectory(dir=extract.parent) as folder:
        duckdb.execute("set threads = 2")
        duckdb.execute(
            f"copy (select * from read_csv('{extract}', header = true, delim = ',', "
            f"quote = '\"', timestampformat = '%Y%m%d%H%M%S', auto_detect = false, "
            f"columns = {{{types}}})) to '{folder}/plain.parquet' "
            "(format parquet, compression zstd)"
        ).fetchall()
        return _figures(before, started)


def _dlt_one(extract: Path) -> dict[str, float]:
    import os

    os.environ["RUNTIME__DLTHUB_TELEMETRY"] = "false"
    import dlt
    from dlt.sources.filesystem import filesystem, read_csv_duckdb

    with tempfile.TemporaryDirectory(dir=extract.parent) as folder:
        before, started = _cpu(), time.perf_counter()
        pipeline = dlt.pipeline(
            "landing",
            pipelines_dir=folder,
            destination=dlt.destinations.duckdb(f"{folder}/dlt.duckdb"),
            dataset_name="landed",
        )
        files = filesystem(bucket_url=str(extract.parent), file_glob=extract.name)
        reader = files | read_csv_duckdb(
            chunk_size=100_000, use_pyarrow=True, header=True, all_varchar=True
        )
        pipeline.run(reader.with_name("atm"))
        return _figures(before, started)


def _sample_one(root: Path, customers: Path) -> dict[str, float]:
    from ingestion.sample import SampleSpec, write_sample_bank

    spec = SampleSpec(customers=int(customers.name), days=1, start=DAY)
    contracts = load_contracts(SHIPPED)
    write_sample_bank(spec, contracts, root / "extracts", root / "truth", root / "late")
    return {}


def _channels_one(root: Path) -> dict[str, float]:
    import os

    home = root / "home"
    shutil.rmtree(home, ignore_errors=True)
    os.environ |= {
        "PASSBOOK_HOME": str(home),
        "PASSBOOK_EXTRACTS": str(root / "extracts"),
    }
    from warehouse.bank import open_bank
    from warehouse.night import land_and_check

    started, before = time.perf_counter(), _cpu()
    bank = open_bank()
    land_and_check(bank, DAY, lambda line: print(line, file=sys.stderr))
    figures = _figures(before, started)
    rows = sum(int(s["records_in"]) for s in bank.lake.all_standing())
    return {**figures, "landed": rows}


_ONE = {
    "land": _land_one,
    "plain": _plain_one,
    "dlt": _dlt_one,
    "sample": _sample_one,
    "channels": _channels_one,
}


def _cpu() -> float:
    own = resource.getrusage(resource.RUSAGE_SELF)
    return own.ru_utime + own.ru_stime


def _figures(cpu_before: float, started: float) -> dict[str, float]:
    # Not ru_maxrss: a process inherits that of the one that started it.
    status = Path("/proc/self/status").read_text(encoding="ascii")
    peak = int(re.search(r"VmHWM:\s*([0-9]+)", status)[1]) / 1024  # type: ignore[index]
    wall = time.perf_counter() - started
    return {
        "wall": round(wall, 3),
        "cpu": round(_cpu() - cpu_before, 3),
        "peak_mib": round(peak),
    }


# The data.


def bank_of(root: Path, kind: str, rows: int, cards: int, bad: int = 0) -> Path:
    """Make a bank of one feed in one format; every `bad`th row is spoilt."""
    fixed = kind == "fixed_width"
    layout: dict[str, Any] = {"format": kind, "path": "f"}
    if kind in {"csv", "gb18030"}:
        layout |= {"format": "csv", "encoding": "utf-8" if kind == "csv" else kind}
    contract = _agree(root, layout)
    extract = root / "extracts" / "atm" / DAY.isoformat() / "f"
    extract.parent.mkdir(parents=True)
    widths = {c.name: c.width or 0 for c in contract.feeds[0].columns}
    with duckdb.connect() as connection:
        lines = _LINES.format(rows=rows, cards=cards)
        if kind == "json_lines":
            names = ", ".join(COLUMNS)
            connection.execute(
                f"copy (select {names} from ({lines}) order by i) to '{extract}' "
                "(format json)"
            )
            return root
        cells = {name: _cell(name, widths[name] if fixed else 0) for name in COLUMNS}
        for place, (name, wrong) in enumerate(_BAD if bad else ()):
            cells[name] = (
                f"case when i % {bad} = 0 and (i // {bad}) % {len(_BAD)} = {place} "
                f"then {wrong} else {cells[name]} end"
            )
        mark = "''" if fixed else "','"
        line = f"concat_ws({mark}, {', '.join(cells.values())})"
        # A quote character that does not occur: the lines are written as they are.
        connection.execute(
            f"copy (select {line} from ({lines}) order by i) to '{extract}' "
            "(format csv, header false, quote '\x01', escape '\x01', delimiter '\x02')"
        )
    if not fixed:
        _with_header(extract, ",".join(COLUMNS).encode() + b"\n", layout["encoding"])
    else:
        _encoded(extract, "gb18030")
    return root


def _cell(name: str, width: int) -> str:
    if not width:
        return f"cast({name} as varchar)"
    if name == "location_name":
        # 6 characters of two bytes each, and 4 digits, in 24 bytes.
        return f"rpad({name}, {width - 6}, ' ')"
    return f"rpad(cast({name} as varchar), {width}, ' ')"


def _with_header(extract: Path, header: bytes, encoding: str) -> None:
    whole = extract.with_name("whole")
    with extract.open("rb") as source, whole.open("wb") as target:
        target.write(header)
        shutil.copyfileobj(source, target, 1 << 24)
    whole.replace(extract)
    if encoding != "utf-8":
        _encoded(extract, encoding)


def _encoded(extract: Path, encoding: str) -> None:
    other = extract.with_name("other")
    with (
        extract.open(encoding="utf-8", newline="") as source,
        other.open("w", encoding=encoding, newline="") as target,
    ):
        while text := source.read(1 << 24):
            target.write(text)
    other.replace(extract)


def longer(extract: Path, times: int) -> None:
    """Make a file so many times as long, its header aside."""
    whole = extract.with_name("whole")
    with whole.open("wb") as target:
        for number in range(times):
            with extract.open("rb") as source:
                header = source.readline()
                if not number:
                    target.write(header)
                shutil.copyfileobj(source, target, 1 << 24)
    whole.replace(extract)


def _agree(root: Path, layout: dict[str, Any]) -> Contract:
    """Write the shipped contract of the cash machines for another way of writing."""
    document = yaml.safe_load((SHIPPED / "atm.odcs.yaml").read_text(encoding="utf-8"))
    feed = document["schema"][0]
    ways = {p["property"]: p["value"] for p in feed["customProperties"]}
    if layout["format"] == "fixed_width":
        layout = {**layout, "encoding": ways["layout"]["encoding"]}
    ways |= {
        "layout": layout,
        "control": {"kind": "none"},
        "rejects": {"max_count": 10**9, "max_ratio": 1.0},
    }
    feed["customProperties"] = [{"property": k, "value": v} for k, v in ways.items()]
    path = root / "contracts" / "atm.odcs.yaml"
    path.parent.mkdir(parents=True)
    path.write_text(yaml.safe_dump(document, allow_unicode=True), encoding="utf-8")
    return load_contract(path)


def mail_bank(root: Path, messages: int) -> Path:
    """Make a bank whose mailbox holds so many messages, a few thousand distinct."""
    in_a_child("sample", root / "sample", 2000)
    mailbox = b"".join(
        path.read_bytes() for path in root.glob("sample/extracts/email/*/*.mbox")
    )
    count = mailbox.count(b"\nFrom ") + 1
    document = yaml.safe_load((SHIPPED / "email.odcs.yaml").read_text(encoding="utf-8"))
    document["schema"] = [f for f in document["schema"] if f["name"] == "mailbox"]
    ways = document["schema"][0]["customProperties"]
    for way in ways:
        if way["property"] == "control":
            way["value"] = {"kind": "none"}
    path = root / "contracts" / "email.odcs.yaml"
    path.parent.mkdir(parents=True)
    path.write_text(yaml.safe_dump(document, allow_unicode=True), encoding="utf-8")
    extract = root / "extracts" / "email" / DAY.isoformat() / "branches.mbox"
    extract.parent.mkdir(parents=True)
    with extract.open("wb") as target:
        for _ in range(-(-messages // count)):
            target.write(mailbox)
    shutil.rmtree(root / "sample")
    return root


if __name__ == "__main__":
    parts = {name: of_paths(part) for name, part in _ONE.items()}
    sys.exit(run("landing", __doc__, ROWS, measure, shortfalls, parts))
