"""What any method could find: an oracle that knows the truth and the extracts alone.

Two records of one person can be found to be one when the extracts say something of both
that is the same: a number, an address, an id (also with figures exchanged), or a name and
a birth date. What no extract says, nobody can find. The oracle takes the senders' files
and its own reading of them; it uses nothing of the product.
"""

from __future__ import annotations

import csv
import re
from pathlib import Path

import networkx as nx
import pandas as pd
import pyarrow.parquet as pq

_DUMMIES = {
    "00000000000",
    "noreply@none.example",
    "test@test.example",
    "none@none.example",
}


def _phone(text: object) -> str | None:
    figures = re.sub(r"\D", "", str(text or ""))
    return None if not figures or not figures.strip("0") else figures[-10:]


def _values(root: Path, day: str) -> pd.DataFrame:
    """Return (record_id, value) of everything that records say of a person."""
    folder = root / "extracts"
    core = pd.concat(
        pd.read_csv(
            path,
            dtype=str,
            keep_default_na=False,
            on_bad_lines="skip",
            quoting=csv.QUOTE_NONE,
            encoding_errors="replace",
        )
        for path in sorted((folder / "core_banking" / day).glob("customers*.csv"))
    )
    logins = pq.read_table(
        folder / "online_banking" / day / "logins.parquet"
    ).to_pandas()
    core_ids = "core_banking:customer:" + core["CUST_NO"].str.strip()
    login_ids = "online_banking:login:" + logins["login_id"].str.strip()
    letters = core["CUST_NAME"].str.replace(r"\s", "", regex=True)
    parts = [
        (core_ids, "core " + core["CUST_NO"].str.strip()),
        (core_ids, "id " + core["ID_NO"].map(lambda t: "".join(sorted(t.strip())))),
        (core_ids, "phone " + core["MOBILE"].map(_phone).fillna("")),
        (core_ids, "mail " + core["EMAIL"].str.strip().str.lower()),
        (core_ids, "born " + letters.str[0] + " " + core["BIRTH_DT"]),
        (login_ids, "core " + logins["core_customer_id"].fillna("").str.strip()),
        (login_ids, "phone " + logins["mobile_phone"].map(_phone).fillna("")),
        (
            login_ids,
            "mail " + logins["email_address"].fillna("").str.strip().str.lower(),
        ),
    ]
    frames = [pd.DataFrame({"record_id": r, "value": v}) for r, v in parts]
    values = pd.concat(frames).dropna()
    said = values["value"].str.split(" ", n=1).str[1]
    return values[(said != "") & ~said.isin(_DUMMIES)]


def ceiling_pairs(root: Path, day: str, truth: pd.DataFrame) -> tuple[int, int]:
    """Return how many pairs of one person can be found, and how many there are.

    `truth(record_id, person_id)` names the records that are judged, each once.
    """
    values = _values(root, day)
    contacts = truth[truth["record_id"].str.match(r"phone:|email:")]
    kind, value = (contacts["record_id"].str.split(":", n=1).str[n] for n in (0, 1))
    told = (
        kind.where(kind == "phone", "mail")
        + " "
        + value.where(kind == "email", value.map(lambda v: _phone(v) or ""))
    )
    own = pd.DataFrame({"record_id": contacts["record_id"], "value": told})
    values = pd.concat([values, own]).merge(truth, on="record_id").drop_duplicates()
    graph = nx.Graph()
    graph.add_nodes_from(truth["record_id"])
    keyed = values["person_id"] + "|" + values["value"]
    graph.add_edges_from(zip(values["record_id"], "value " + keyed, strict=True))
    found = 0
    for part in nx.connected_components(graph):
        records = sum(not node.startswith("value ") for node in part)
        found += records * (records - 1) // 2
    sizes = truth.groupby("person_id").size()
    return found, int((sizes * (sizes - 1) // 2).sum())
