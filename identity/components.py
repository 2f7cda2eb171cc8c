"""Connected components in SQL: the least node that each node can reach."""

from __future__ import annotations

import duckdb

from ingestion.identifiers import quoted


def label_components(
    connection: duckdb.DuckDBPyConnection, *, edges: str, nodes: str, result: str
) -> int:
    """Make temp table `result(node, component)`; return the number of rounds.

    `edges(left_node, right_node)` are undirected; `nodes(node)` lists every node. A
    component is named by its least node. Each round takes the least label among the
    neighbours, hands it to the node that gave the old label too (hooking), and then
    follows labels of labels (pointer jumping), so that a chain of n nodes takes about
    log n rounds, in whatever order its nodes are numbered.
    """
    edge, node, target = quoted(edges), quoted(nodes), quoted(result)
    connection.execute(
        f"create or replace temp table both_ways as "
        f"select left_node as node, right_node as neighbour from {edge} "
        f"where left_node <> right_node union "
        f"select right_node, left_node from {edge} where left_node <> right_node"
    )
    connection.execute(
        f"create or replace temp table {target} as "
        f"select node, node as component from {node}"
    )
    rounds = 0
    while _round(connection, target):
        rounds += 1
    connection.execute("drop table both_ways")
    return rounds


def _round(connection: duckdb.DuckDBPyConnection, target: str) -> bool:
    """Lower labels once; return whether any label changed."""
    connection.execute(
        f"""
        create or replace temp table lowered as
        with nearest as (
            select
                both_ways.node,
                min(labels.component) as component
            from both_ways
            inner join {target} as labels on both_ways.neighbour = labels.node
            group by both_ways.node
        ),
        hooked as (
            select
                labels.component as node,
                min(nearest.component) as component
            from nearest
            inner join {target} as labels on nearest.node = labels.node
            group by labels.component
        )
        select
            labels.node,
            least(labels.component, nearest.component, hooked.component) as component
        from {target} as labels
        left join nearest on labels.node = nearest.node
        left join hooked on labels.node = hooked.node
        """
    )
    connection.execute(
        """
        create or replace temp table jumped as
        select
            lowered.node,
            least(lowered.component, further.component) as component
        from lowered
        inner join lowered as further on lowered.component = further.node
        """
    )
    changed = connection.execute(
        f"select count(*) from jumped inner join {target} as labels "
        "on jumped.node = labels.node where jumped.component <> labels.component"
    ).fetchall()[0][0]
    connection.execute(f"create or replace temp table {target} as select * from jumped")
    connection.execute("drop table lowered; drop table jumped")
    return bool(changed)
