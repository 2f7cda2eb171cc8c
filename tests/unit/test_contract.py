"""A contract is read strictly: what it does not mean is an error of one line."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
import yaml

from ingestion.contract import load_contract, load_contracts
from ingestion.errors import ContractError
from tests.conftest import Channel, column, feed, key

CSV = {"format": "csv", "path": "f.csv"}
WIDE = {"format": "fixed_width", "path": "f.csv"}


def test_a_sound_contract_says_what_it_says(channel: Channel) -> None:
    contract = channel.agree(
        feed(
            "f", [key(), column("n", "number", physicalName="N", codes={"1": "2"})], CSV
        )
    )
    (only,) = contract.feeds
    assert (only.id, only.primary_key) == ("c.f", ("id",))
    assert only.physical_columns == ("id", "N")
    assert only.column("n").sql_type == "decimal(18,2)"
    assert only.column("n").codes == {"1": "2"}


WRONG: dict[str, tuple[dict[str, Any], str]] = {
    "no format of files": (feed("f", [key()], {**CSV, "format": "xls"}), "format"),
    "unknown key of a layout": (feed("f", [key()], {**CSV, "sep": ";"}), "sep"),
    "layout that is no mapping": (feed("f", [key()], "csv"), "layout"),  # type: ignore[arg-type]
    "unknown encoding": (feed("f", [key()], {**CSV, "encoding": "utf-7"}), "gb18030"),
    "long delimiter": (feed("f", [key()], {**CSV, "delimiter": "||"}), "delimiter"),
    "foreign delimiter": (feed("f", [key()], {**CSV, "delimiter": "§"}), "delimiter"),
    "empty delimiter": (feed("f", [key()], {**CSV, "delimiter": ""}), "delimiter"),
    "long quote": (feed("f", [key()], {**CSV, "quote": "''"}), "quote"),
    "path upwards": (feed("f", [key()], {**CSV, "path": "../f.csv"}), "path"),
    "absolute path": (feed("f", [key()], {**CSV, "path": "/f.csv"}), "path"),
    "no path": (feed("f", [key()], {**CSV, "path": ""}), "path"),
    "negative ceiling": (
        feed("f", [key()], CSV, rejects={"max_count": -1}),
        "max_count",
    ),
    "ratio above one": (feed("f", [key()], CSV, rejects={"max_ratio": 2}), "max_ratio"),
    "no key": (feed("f", [column("id")], CSV), "no column has primaryKey"),
    "doubled column": (feed("f", [key(), key()], CSV), "stands twice"),
    "column doubled but for case": (feed("f", [key(), column("ID")], CSV), "'id'"),
    "sources that differ in case": (
        feed("f", [key(), column("b", physicalName="ID")], CSV),
        "case only",
    ),
    "unknown custom": (feed("f", [key(codez={})], CSV), "codez"),
    "unknown logical type": (feed("f", [key(), column("a", "money")], CSV), "money"),
    "unknown physical type": (
        feed("f", [key(), column("a", "number", physicalType="decimal(18.2)")], CSV),
        "decimal(18.2)",
    ),
    "unknown classification": (
        feed("f", [key(classification="secret")], CSV),
        "secret",
    ),
    "unknown identifier": (feed("f", [key(identifier="passport")], CSV), "passport"),
    "codes that YAML read as a boolean": (
        feed("f", [key(codes={False: "norway"})], CSV),
        "quotes",
    ),
    "codes that YAML read as a number": (
        feed("f", [key(codes={1: "one"})], CSV),
        "quotes",
    ),
    "codes that are a list": (feed("f", [key(codes=["a"])], CSV), "codes"),
    "formats that are one text": (
        feed("f", [key(), column("d", "date", date_formats="%Y%m%d")], CSV),
        "date_formats",
    ),
    "a format that is none": (
        feed("f", [key(), column("d", "date", date_formats=["%Y-%Q"])], CSV),
        "strptime",
    ),
    "a format without directives": (
        feed("f", [key(), column("d", "date", date_formats=["YYYYMMDD"])], CSV),
        "strptime",
    ),
    "null values that are one text": (
        feed("f", [key(null_values="NA")], CSV),
        "null_values",
    ),
    "years that are no number": (
        feed("f", [key(), column("d", "date", shift_years="many")], CSV),
        "shift_years",
    ),
    "a pad that is misspelt": (
        feed("f", [key(zero_pad={"digit": 3})], CSV),
        "zero_pad",
    ),
    "no width": (feed("f", [key()], WIDE), "width"),
    "width nought": (feed("f", [key(width=0)], WIDE), "width"),
    "last four of nothing": (feed("f", [key(), column("l", last4_of="x")], CSV), "'x'"),
    "sum of nothing": (
        feed("f", [key()], CSV, {"kind": "file", "sums": ["x"]}),
        "'x'",
    ),
    "history without a date": (
        feed("f", [key()], CSV, delivery={"cadence": "history"}),
        "date_column",
    ),
    "history by an optional date": (
        feed(
            "f",
            [key(), column("d", "date")],
            CSV,
            delivery={"cadence": "history", "date_column": "d"},
        ),
        "required date",
    ),
    "static without a date": (
        feed("f", [key()], CSV, delivery={"cadence": "static"}),
        "effective_date",
    ),
}


@pytest.mark.parametrize(("wrong", "said"), WRONG.values(), ids=WRONG.keys())
def test_what_is_wrong_is_said_in_one_line(
    channel: Channel, wrong: dict[str, Any], said: str
) -> None:
    with pytest.raises(ContractError) as error:
        channel.agree(wrong)
    assert said in str(error.value)
    assert "\n" not in str(error.value)


def rename(document: dict[str, Any], old: str, new: str) -> None:
    document[new] = document.pop(old)


DOCUMENTS: dict[str, tuple[Callable[[dict[str, Any]], object], str]] = {
    "unknown key": (
        lambda d: rename(d, "version", "versoin"),
        "did you mean 'version'",
    ),
    "another channel": (lambda d: d.update(name="d"), "another channel"),
    "no name": (lambda d: d.pop("name"), "another channel"),
    "no feed": (lambda d: d.update(schema=[]), "no feed"),
    "schema of text": (lambda d: d.update(schema="f"), "schema"),
}


@pytest.mark.parametrize(("change", "said"), DOCUMENTS.values(), ids=DOCUMENTS.keys())
def test_a_document_that_is_no_contract_is_refused(
    channel: Channel, change: Callable[[dict[str, Any]], object], said: str
) -> None:
    path = channel.agree(feed("f", [key()], CSV)).path
    document = yaml.safe_load(path.read_text())
    change(document)
    path.write_text(yaml.safe_dump(document))
    with pytest.raises(ContractError, match=said):
        load_contract(path)


@pytest.mark.parametrize("text", [b"", b"a: [", b"- a", b"\xff", b"x"], ids=repr)
def test_a_file_that_is_no_mapping_is_refused(tmp_path: Path, text: bytes) -> None:
    path = tmp_path / "c.odcs.yaml"
    path.write_bytes(text)
    with pytest.raises(ContractError, match=r"c\.odcs\.yaml"):
        load_contract(path)


def test_a_folder_without_contracts_is_refused(tmp_path: Path) -> None:
    with pytest.raises(ContractError, match="holds no contract"):
        load_contracts(tmp_path)
    with pytest.raises(ContractError, match="cannot be read"):
        load_contract(tmp_path / "c.odcs.yaml")


def test_feeds_of_one_file_choose_by_one_column(channel: Channel) -> None:
    def choosing(name: str, column: str, **rows: Any) -> dict[str, Any]:
        return feed(name, [key()], {**CSV, "rows": {"column": column, **rows}})

    with pytest.raises(ContractError, match="different columns"):
        channel.agree(
            choosing("a", "kind", codes=["A"]),
            choosing("b", "sort", otherwise=True),
            alone=False,
        )


def test_a_feed_that_is_not_there_is_named_with_those_that_are(
    channel: Channel,
) -> None:
    with pytest.raises(ContractError, match=r"'g'.*expected f"):
        channel.agree(feed("f", [key()], CSV)).feed("g")


def test_there_are_cases_to_test() -> None:
    assert WRONG
    assert DOCUMENTS
