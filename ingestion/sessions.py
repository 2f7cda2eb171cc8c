"""A DuckDB session a thread, for the SQL that landing puts to rows in memory."""

from __future__ import annotations

import threading

import duckdb

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
