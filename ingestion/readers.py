"""The reader of each format."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

from ingestion.contract import Feed
from ingestion.formats.csv import read_csv
from ingestion.formats.fixed_width import read_fixed_width
from ingestion.formats.json_lines import read_json_lines
from ingestion.formats.mbox import read_eml, read_mbox
from ingestion.formats.parquet import read_parquet
from ingestion.formats.trailer import Claims
from ingestion.records import Parse


def parses_of(feed: Feed, path: Path, claims: Claims) -> Iterator[Parse]:
    """Yield what parses the records of one file of a feed, in order."""
    layout, columns = feed.layout, feed.physical_columns
    if layout.format == "csv":
        return read_csv(path, layout, columns, claims)
    if layout.format == "fixed_width":
        widths = {c.sources[0]: int(c.width or 0) for c in feed.columns if c.sources}
        return read_fixed_width(path, layout, widths, claims)
    if layout.format == "json_lines":
        kinds = {source: c.logical_type for c in feed.columns for source in c.sources}
        return read_json_lines(path, layout, columns, claims, kinds)
    if layout.format == "parquet":
        return read_parquet(path, layout, columns)
    if layout.format == "eml":
        return read_eml(path, columns)
    return read_mbox(path, columns)
