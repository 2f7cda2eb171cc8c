"""Trains a linkage model on a bank's own records, and chooses where it links."""

from __future__ import annotations

import logging
import math
import warnings
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import altair
import duckdb
from splink import DuckDBAPI, Linker
from splink.blocking_analysis import count_comparisons_from_blocking_rules

from identity.comparisons import BLOCKS, EM_BLOCKS, VETOES, block_rules
from identity.linkage import (
    TERM_COLUMN,
    Scorer,
    block_columns,
    limits_of,
    uncrowded_columns,
    untrained_settings,
)
from identity.model import LinkageModel

# What thresholds are held to on labelled truth: of the pairs that a score alone links,
# the share that are one person; and of those that people are asked, the least share.
LINK_PRECISION = 0.999
REVIEW_YIELD = 0.1
# Without truth the model's own probability decides: 0.99 and 0.1 as log2 of the odds.
_UNLABELLED_LINK, _UNLABELLED_REVIEW = 6.6, -3.2
_FLOOR = -10.0
# Truth on a sample is kinder than life: the model must hold it likelier than not, and
# by ten to one where a contact alone would make it even.
_LEAST_LINK = 1.0
_LONE_CONTACT_MARGIN, _TEN_TO_ONE = 1.0, 3.4
_PSEUDO_MATCHES = 50
# The share of one person's pairs up to which other names mean another person.
_RELIABLE_NAMES = 0.02
# These change in life, which records that were made together do not show: what training
# started at keeps so much of a say.
_CHANGING = {"phone": 0.5, "email": 0.5, "address": 0.5}
_CERTAIN = "core_customer_id"
_U_PAIRS, _SEED = 3e6, 7
# A name that fewer bear is not kept in a model: it would be a person's.
_MIN_BEARERS = 5
_MAX_ITERATIONS = 60
_PRIOR_ROUNDS = 2


@dataclass(frozen=True)
class Session:
    """How one run of expectation maximisation went.

    It came to hold `matches` of its `pairs` for one person.
    """

    block: str
    pairs: int
    matches: int
    iterations: int
    converged: bool


@dataclass(frozen=True)
class BlockCost:
    """What one blocking rule costs, and what it finds.

    `pairs` are compared by it, `own_pairs` by it and no rule before it. `recall` is the
    share of the truth's pairs that it brings together, None without truth.
    """

    block: str
    pairs: int
    own_pairs: int
    recall: float | None


@dataclass(frozen=True)
class CurvePoint:
    """The pairs at a weight or above: of one person, of others, and all there are."""

    match_weight: float
    true_pairs: int
    false_pairs: int
    due_pairs: int

    @property
    def precision(self) -> float:
        """Share of these pairs that are one person."""
        return self.true_pairs / (self.true_pairs + self.false_pairs)

    @property
    def recall(self) -> float:
        """Share of the truth's pairs that are among these."""
        return self.true_pairs / self.due_pairs if self.due_pairs else 0.0


@dataclass(frozen=True)
class Trained:
    """A model that was trained, and what is to be known of that."""

    model: LinkageModel
    sessions: tuple[Session, ...]
    blocks: tuple[BlockCost, ...]
    curve: tuple[CurvePoint, ...]
    untrained: tuple[str, ...]
    weights_chart: Any

    def save_charts(self, folder: Path) -> list[Path]:
        """Write the pictures of the weights and of the curve; return their paths."""
        folder.mkdir(parents=True, exist_ok=True)
        paths = [folder / "match_weights.png"]
        with warnings.catch_warnings():
            # Of Splink's own chart: two of its views share a selection.
            warnings.simplefilter("ignore", UserWarning)
            self.weights_chart.save(str(paths[0]), scale_factor=2)
        if self.curve:
            paths.append(folder / "precision_recall.png")
            _curve_chart(self.curve, self.model).save(str(paths[1]), scale_factor=2)
        return paths


def train(
    connection: duckdb.DuckDBPyConnection, *, has_truth: bool, name: str
) -> Trained:
    """Return a model of the person records of a connection.

    Reads `unblocked_persons` and, where there is truth, `truth(record_id, person_id)`
    of person records. Makes temp tables.
    """
    _open_training_persons(connection)
    api = DuckDBAPI(connection=connection)
    settings = {**untrained_settings(), "max_iterations": _MAX_ITERATIONS}
    linker = Linker(api.register("training_persons"), settings)
    logging.getLogger("splink").setLevel(logging.ERROR)
    sessions = _estimate(connection, linker)
    # The uid is drawn at random; without it the same records give the same version.
    settings = {**linker.misc.save_model_to_json(), "linker_uid": "passbook"}
    untrained = _untrained(settings)
    contacts = _contact_agreement(connection)
    settings = _smoothed(settings, sessions, contacts)
    settings = _with_settled_prior(connection, settings)
    linker = Linker(api.register("training_persons"), settings)
    terms = _term_frequencies(connection)
    model = LinkageModel(
        settings,
        _UNLABELLED_LINK,
        _UNLABELLED_REVIEW,
        _vetoes(connection, settings),
        terms,
    )
    curve = _curve(connection, model) if has_truth else ()
    model = replace(
        _with_thresholds(model, curve, _lone_contact_weight(connection, settings)),
        training={
            "trained_on": name,
            "person_records": _number(connection, "training_persons"),
            "thresholds_by": "labelled truth" if curve else "probability",
            "sessions": [vars(s) for s in sessions],
        },
    )
    return Trained(
        model,
        tuple(sessions),
        _block_costs(connection, api, has_truth=has_truth),
        curve,
        untrained,
        linker.visualisations.match_weights_chart(),
    )


def _open_training_persons(connection: duckdb.DuckDBPyConnection) -> None:
    """Make `training_persons`: persons with keys, those too common left out as ever."""
    connection.execute(
        "create or replace temp table keyed_persons as select persons.*, "
        f"evidence.identifier_value as {_CERTAIN}, {block_columns()} "
        "from unblocked_persons as persons left join identity.evidence as evidence "
        "on persons.record_id = evidence.record_id "
        f"and evidence.identifier_kind = '{_CERTAIN}'"
    )
    keys = uncrowded_columns(limits_of(connection))
    connection.execute(
        f"create or replace temp table training_persons as select * replace ({keys}), "
        "true as is_rescored from keyed_persons"
    )
    connection.execute("drop table keyed_persons")


def _estimate(connection: duckdb.DuckDBPyConnection, linker: Linker) -> list[Session]:
    """Estimate u at random, the prior by certain rules, and m by maximisation."""
    linker.training.estimate_probability_two_random_records_match(
        [
            "l.national_id = r.national_id",
            "l.full_name = r.full_name and l.birth_date = r.birth_date",
            "l.phone = r.phone and l.email = r.email",
        ],
        recall=0.8,
    )
    linker.training.estimate_u_using_random_sampling(max_pairs=_U_PAIRS, seed=_SEED)
    sessions = []
    for columns in EM_BLOCKS:
        rule = " and ".join(f"l.{c} = r.{c}" for c in columns)
        pairs = _pairs_of(connection, columns)
        if not pairs:
            continue
        session = linker.training.estimate_parameters_using_expectation_maximisation(
            rule
        )
        iterations = len(session._core_model_settings_history) - 1
        sessions.append(
            Session(
                " and ".join(columns),
                pairs,
                round(pairs * _match_share(session)),
                iterations,
                iterations < _MAX_ITERATIONS,
            )
        )
    return sessions


def _match_share(session: Any) -> float:
    history = session._core_model_settings_history
    return float(history[-1].probability_two_random_records_match)


def _contact_agreement(
    connection: duckdb.DuckDBPyConnection,
) -> dict[str, tuple[int, int]]:
    """Return how many pairs of one core id have a contact each, and the same one.

    Such pairs are one person for certain, and maximisation may see no record that has
    a mail address on both sides.
    """
    found = {}
    for contact in ("phone", "email"):
        both, same = connection.execute(
            f"select count(*), count(*) filter (where one.{contact} = other.{contact}) "
            "from training_persons as one inner join training_persons as other "
            f"on one.{_CERTAIN} = other.{_CERTAIN} and one.record_id < other.record_id "
            f"where one.{contact} is not null and other.{contact} is not null"
        ).fetchall()[0]
        found[contact] = (both, same)
    return found


def _smoothed(
    settings: dict[str, Any],
    sessions: Sequence[Session],
    contacts: Mapping[str, tuple[int, int]],
) -> dict[str, Any]:
    """Return the settings with each m as if some pairs more had been seen.

    These are distributed as training started. Where nothing was seen of a level, m
    would be nought or what it began at, and one wrong value outweigh all the rest.
    """
    start = untrained_settings()
    for comparison, before in zip(
        settings["comparisons"], start["comparisons"], strict=True
    ):
        levels = [
            v for v in comparison["comparison_levels"] if not v.get("is_null_level")
        ]
        first = [v for v in before["comparison_levels"] if not v.get("is_null_level")]
        seen = sum(s.matches for s in sessions if not _uses(s.block, comparison))
        shares = [v["m_probability"] for v in levels]
        name = comparison["output_column_name"]
        both, same = contacts.get(name, (0, 0))
        if both and shares[0] == first[0]["m_probability"]:
            seen, shares = both, [same / both, 1 - same / both]
        say = max(_PSEUDO_MATCHES / (seen + _PSEUDO_MATCHES), _CHANGING.get(name, 0.0))
        for level, share, prior in zip(levels, shares, first, strict=True):
            told = share / sum(shares)
            level["m_probability"] = (1 - say) * told + say * prior["m_probability"]
    return settings


def _with_settled_prior(
    connection: duckdb.DuckDBPyConnection, settings: dict[str, Any]
) -> dict[str, Any]:
    """Return the settings with the share of all pairs that the model holds for one.

    The first estimate rests on certain rules and a guess of how many true pairs these
    find; the sum of the probabilities that the trained model gives needs no guess.
    """
    records = _number(connection, "training_persons")
    all_pairs = records * (records - 1) / 2
    for _ in range(_PRIOR_ROUNDS):
        model = LinkageModel(settings, _UNLABELLED_LINK, _FLOOR, ())
        scorer = Scorer(connection, model, "training_persons")
        scorer.score("training_persons", "prior_pairs")
        expected = connection.execute(
            "select sum(1 / (1 + pow(2, -match_weight))) from prior_pairs"
        ).fetchall()[0][0]
        prior = max(expected or 0.0, 1.0) / all_pairs
        settings = {**settings, "probability_two_random_records_match": prior}
    return settings


def _uses(block: str, comparison: Mapping[str, Any]) -> bool:
    return comparison["output_column_name"] in block.split(" and ")


def _pairs_of(connection: duckdb.DuckDBPyConnection, columns: Sequence[str]) -> int:
    names = ", ".join(columns)
    known = " and ".join(f"{c} is not null" for c in columns)
    return _scalar(
        connection,
        f"select coalesce(sum(n * (n - 1) // 2), 0) from (select count(*) as n "
        f"from training_persons where {known} group by {names})",
    )


def _scalar(connection: duckdb.DuckDBPyConnection, query: str) -> int:
    return int(connection.execute(query).fetchall()[0][0])


def _number(connection: duckdb.DuckDBPyConnection, table: str) -> int:
    return _scalar(connection, f"select count(*) from {table}")


def _term_frequencies(connection: duckdb.DuckDBPyConnection) -> dict[str, float]:
    rows = connection.execute(
        f"select {TERM_COLUMN}, count(*) / (select count({TERM_COLUMN}) "
        f"from training_persons) from training_persons where {TERM_COLUMN} is not null "
        f"group by {TERM_COLUMN} having count(*) >= {_MIN_BEARERS} order by all"
    ).fetchall()
    return {term: round(share, 9) for term, share in rows}


def _vetoes(
    connection: duckdb.DuckDBPyConnection, settings: Mapping[str, Any]
) -> tuple[str, ...]:
    """Return the vetoes that this bank's records bear out.

    Where one person's records often have two given names, other names do not part two.
    Where next to no two people share name and birth date by chance, nothing else need
    agree.
    """
    levels = {
        c["output_column_name"]: [
            v for v in c["comparison_levels"] if not v.get("is_null_level")
        ]
        for c in settings["comparisons"]
    }
    records = _count_of(connection, "full_name")
    pairs = records * (records - 1) / 2
    chance = pairs * math.prod(
        levels[name][0]["u_probability"] for name in ("full_name", "birth_date")
    )
    differing = sum(level["m_probability"] for level in levels["full_name"][-2:])
    idle = set()
    if differing > _RELIABLE_NAMES:
        idle.add("names_differ")
    if chance < 1:
        idle.add("name_and_birth_date_alone")
    return tuple(name for name in VETOES if name not in idle)


def _untrained(settings: dict[str, Any]) -> tuple[str, ...]:
    """Return the levels that kept the value which training started at."""
    start = untrained_settings()
    return tuple(
        f"{comparison['output_column_name']}: {level['label_for_charts']}"
        for comparison, before in zip(
            settings["comparisons"], start["comparisons"], strict=True
        )
        for level, first in zip(
            comparison["comparison_levels"], before["comparison_levels"], strict=True
        )
        if not level.get("is_null_level")
        and level.get("m_probability") == first.get("m_probability")
    )


def _curve(
    connection: duckdb.DuckDBPyConnection, model: LinkageModel
) -> tuple[CurvePoint, ...]:
    """Return precision and recall by weight of the pairs that truth knows both of.

    Pairs that a veto forbids are left out: no score links them.
    """
    scorer = Scorer(
        connection, replace(model, review_weight=_FLOOR), "training_persons"
    )
    scorer.score("training_persons", "training_pairs")
    due = _scalar(
        connection,
        "select coalesce(sum(n * (n - 1) // 2), 0) from (select count(*) as n "
        "from truth semi join training_persons on truth.record_id = "
        "training_persons.record_id group by person_id)",
    )
    rows = connection.execute(
        "select round(match_weight, 1) as weight, "
        "count(*) filter (where one.person_id = other.person_id), count(*) "
        "from training_pairs as pairs "
        "inner join truth as one on pairs.left_record_id = one.record_id "
        "inner join truth as other on pairs.right_record_id = other.record_id "
        "where veto_code is null group by weight order by weight desc"
    ).fetchall()
    points, true, found = [], 0, 0
    for weight, right, count in rows:
        true, found = true + right, found + count
        points.append(CurvePoint(weight, true, found - true, due))
    return tuple(points)


def _lone_contact_weight(
    connection: duckdb.DuckDBPyConnection, settings: Mapping[str, Any]
) -> float:
    """Return the weight of a pair that agrees on one contact and tells nothing else.

    Families and firms share contacts, so neither threshold lies at it or below: one
    alone links nobody, and leaves people nothing to look at either.
    """
    prior = settings["probability_two_random_records_match"]
    weights = [
        math.log2(level["m_probability"] / level["u_probability"])
        for comparison in settings["comparisons"]
        if comparison["output_column_name"] in {"phone", "email"}
        and _count_of(connection, comparison["output_column_name"])
        for level in comparison["comparison_levels"]
        if not level.get("is_null_level")
    ]
    if not weights:
        return _FLOOR
    return math.log2(prior / (1 - prior)) + max(weights)


def _count_of(connection: duckdb.DuckDBPyConnection, column: str) -> int:
    return _scalar(connection, f"select count({column}) from training_persons")


def _with_thresholds(
    model: LinkageModel, curve: Sequence[CurvePoint], lone_contact: float
) -> LinkageModel:
    """Return the model with thresholds that the truth's curve bears out.

    Links begin halfway down to the first weight at which precision is missed, so that
    another sample's pairs of that kind are asked and not linked.
    """
    link, ask = model.link_weight, model.review_weight
    if curve:
        good = [p.match_weight for p in curve if p.precision >= LINK_PRECISION]
        lowest = min(good, default=_UNLABELLED_LINK)
        below = [p.match_weight for p in curve if p.match_weight < lowest]
        link = (lowest + max(below, default=lowest)) / 2
        ask = _review_weight(curve, link)
    ask = max(ask, lone_contact + _LONE_CONTACT_MARGIN)
    link = max(link, ask, _LEAST_LINK, lone_contact + _TEN_TO_ONE)
    return replace(model, link_weight=round(link, 1), review_weight=round(ask, 1))


def _review_weight(curve: Sequence[CurvePoint], link: float) -> float:
    """Return the lowest weight down to which asking people pays."""
    linked = [p for p in curve if p.match_weight >= link]
    base_true = linked[-1].true_pairs if linked else 0
    base_false = linked[-1].false_pairs if linked else 0
    asked = link
    for point in curve:
        true, false = point.true_pairs - base_true, point.false_pairs - base_false
        if point.match_weight < link and true >= REVIEW_YIELD * (true + false):
            asked = point.match_weight
    return asked


def _block_costs(
    connection: duckdb.DuckDBPyConnection, api: DuckDBAPI, *, has_truth: bool
) -> tuple[BlockCost, ...]:
    counted = count_comparisons_from_blocking_rules(
        api.register("training_persons"),
        blocking_rules=block_rules(),
        link_type="dedupe_only",
        unique_id_column_name="record_id",
        record_sample_proportion=1.0,
    )
    return tuple(
        BlockCost(
            name,
            _pairs_of(connection, (f"block_{name}",)),
            int(record["marginal_comparison_count"]),
            _recall_of(connection, name) if has_truth else None,
        )
        for name, record in zip(BLOCKS, counted, strict=True)
    )


def _recall_of(connection: duckdb.DuckDBPyConnection, block: str) -> float:
    together, due = connection.execute(
        "select coalesce(sum(n * (n - 1) // 2), 0), (select coalesce(sum(m * (m - 1) "
        "// 2), 0) from (select count(*) as m from truth semi join training_persons "
        "on truth.record_id = training_persons.record_id group by person_id)) "
        "from (select count(*) as n from truth inner join training_persons as persons "
        "on truth.record_id = persons.record_id "
        f"where persons.block_{block} is not null "
        f"group by truth.person_id, persons.block_{block})"
    ).fetchall()[0]
    return float(together / due) if due else 0.0


def _curve_chart(curve: Sequence[CurvePoint], model: LinkageModel) -> Any:
    values = [
        {"weight": p.match_weight, "measure": name, "share": share}
        for p in curve
        for name, share in (("precision", p.precision), ("recall", p.recall))
    ]
    lines = (
        altair.Chart({"values": values})
        .mark_line()
        .encode(
            x=altair.X("weight:Q", title="match weight, log2 of the odds"),
            y=altair.Y("share:Q", title="of the pairs at this weight or above"),
            color=altair.Color("measure:N", title=None),
        )
    )
    marks = [
        {"weight": model.link_weight, "threshold": "linked from here"},
        {"weight": model.review_weight, "threshold": "asked from here"},
    ]
    rules = (
        altair.Chart({"values": marks})
        .mark_rule(strokeDash=[4, 3])
        .encode(x="weight:Q", strokeDash=altair.StrokeDash("threshold:N", title=None))
    )
    title = f"Precision and recall of model {model.version} on labelled truth"
    return (lines + rules).properties(title=title, width=640, height=360)
