"""Connected components of a graph whose edges are in a database."""

from __future__ import annotations

import duckdb
import numpy as np
import pyarrow as pa
from scipy.sparse import coo_array
from scipy.sparse.csgraph import connected_components

from ingestion.identifiers import quoted


def label_components(
    connection: duckdb.DuckDBPyConnection, *, edges: str, nodes: int, result: str
) -> None:
    """Make temp table `result(node, component)` of the nodes from 0 to `nodes` - 1.

    `edges` is a query of undirected edges (left_node, right_node). A component is named
    by its least node. Time and memory grow with nodes and edges, not with how far apart
    the nodes of a component are.
    """
    pairs = connection.execute(
        f"select left_node, right_node from ({edges})"
    ).to_arrow_table()
    left, right = (pairs.column(i).to_numpy() for i in range(2))
    graph = coo_array(
        (np.ones(len(left), dtype=bool), (left, right)), shape=(nodes, nodes)
    )
    count, labels = connected_components(graph, directed=False)
    # Of several values for one place numpy keeps the last: from behind, the least node.
    least = np.empty(count, dtype=np.int64)
    least[labels[::-1]] = np.arange(nodes - 1, -1, -1)
    table = pa.table({"node": np.arange(nodes), "component": least[labels]})
    connection.register("labels_arrow", table)
    connection.execute(
        f"create or replace temp table {quoted(result)} as from labels_arrow"
    )
    connection.unregister("labels_arrow")
