"""A DuckDB session a thread, for the SQL that landing puts to rows in memory."""

from __future__ import annotations

import threading
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import duckdb

from ingestion.identifiers import text_literal

_local = threading.local()


def session() -> duckdb.DuckDBPyConnection:
    """Return this thread's own in-memory session: one thread, UTC."""
    if not hasattr(_local, "connection"):
        connection = duckdb.connect()
        connection.execute("set threads = 1")
        connection.execute("set timezone = 'UTC'")
        _local.connection = connection
    found: duckdb.DuckDBPyConnection = _local.connection
    return found


@contextmanager
def in_memory(spill: Path) -> Iterator[duckdb.DuckDBPyConnection]:
    """Open a database in memory, UTC; what does not fit goes to a folder and is gone.

    Left to itself DuckDB would write it into the folder that the program runs in.
    """
    with duckdb.connect() as connection:
        connection.execute("set timezone = 'UTC'")
        connection.execute(f"set temp_directory = {text_literal(str(spill))}")
        yield connection
