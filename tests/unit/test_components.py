"""Components are those of networkx."""

from __future__ import annotations

import itertools
import random

import duckdb
import networkx as nx
import pyarrow as pa
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from identity.components import label_components


def labelled(nodes: int, edges: list[tuple[int, int]]) -> dict[int, int]:
    with duckdb.connect() as connection:
        table = pa.table(
            {
                "left_node": pa.array([a for a, _ in edges], pa.int64()),
                "right_node": pa.array([b for _, b in edges], pa.int64()),
            }
        )
        connection.register("some_edges", table)
        label_components(
            connection, edges="from some_edges", nodes=nodes, result="labels"
        )
        return dict(connection.execute("from labels").fetchall())


def due(nodes: int, edges: list[tuple[int, int]]) -> dict[int, int]:
    graph = nx.Graph(edges)
    graph.add_nodes_from(range(nodes))
    return {n: min(c) for c in nx.connected_components(graph) for n in c}


@settings(max_examples=100, deadline=None)
@given(st.lists(st.tuples(st.integers(0, 30), st.integers(0, 30)), max_size=40))
def test_labels_are_the_least_nodes_of_networkx_components(
    edges: list[tuple[int, int]],
) -> None:
    assert labelled(31, edges) == due(31, edges)


@pytest.mark.parametrize("seed", [None, 0, 1], ids=["sorted", "shuffled", "again"])
def test_a_long_chain_is_one_component(seed: int | None) -> None:
    nodes = list(range(3000))
    if seed is not None:
        random.Random(seed).shuffle(nodes)
    labels = labelled(3000, list(itertools.pairwise(nodes)))
    assert set(labels.values()) == {0}


def test_nodes_without_edges_and_loops_stand_alone() -> None:
    assert labelled(3, [(1, 1)]) == {0: 0, 1: 1, 2: 2}
    assert labelled(0, []) == {}
