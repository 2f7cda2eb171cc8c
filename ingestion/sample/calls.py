"""Calls to the call centre: who rings, how long they wait, what is noted."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from ingestion.sample.accounts import card_text
from ingestion.sample.block import Block
from ingestion.sample.calendar_day import Day
from ingestion.sample.chance import (
    Bools,
    Floats,
    Ints,
    Odds,
    chosen,
    occurrences,
    seconds_of_day,
)
from ingestion.sample.columns import (
    either,
    event_ids,
    joined,
    moments,
    only,
    picked,
    plain,
    whole,
)
from ingestion.sample.people import (
    CALLER,
    phone_text,
    switchboard_number,
)
from ingestion.sample.registry import core_customer_id

_CALL_RATE, _OUTSIDER_RATE, _REPEAT_RATIO = 0.03, 0.05, 0.12
_HOUR_WEIGHTS = np.array(
    [0, 0, 0, 0, 0, 0, 0, 0, 6, 13, 14, 11, 7, 8, 12, 12, 10, 8, 5, 3, 0, 0, 0, 0]
)
_HOURS = Odds.of(_HOUR_WEIGHTS.tolist())
_SUBJECTS = (
    "balance",
    "transfer",
    "card",
    "loan",
    "complaint",
    "lost_card",
    "investment",
    "other",
)
_SUBJECT_ODDS = Odds.of([22, 17, 18, 9, 7, 5, 11, 11])
COMPLAINT = _SUBJECTS.index("complaint")
_QUEUES = ("retail", "card", "loan", "complaint", "priority")
_QUEUE_OF_SUBJECT = np.array([0, 0, 1, 2, 3, 1, 0, 0])
_PRIORITY = 4
_OUTCOMES = ("answered", "abandoned", "transferred", "self_service")
_ANSWERED, _ABANDONED, _TRANSFERRED, _SELF_SERVICE = range(4)
_NOTES = (
    "客户查询余额, 已告知",
    "balance checked, customer satisfied",
    "咨询转账限额, 已说明",
    "转账未到账, 请对方行核实",
    "信用卡账单日调整",
    "换卡申请已提交",
    "咨询房贷提前还款",
    "贷款利率疑问, 转贷款专员",
    "投诉排队时间过长, 致歉",
    "对手续费有异议, 已登记",
    "挂失已办理",
    "卡片遗失, 建议到网点补办",
    "咨询理财产品收益",
    "风险评估到期, 提醒重做",
    "更改地址",
    "caller hung up before verification",
)


@dataclass(frozen=True)
class Calls:
    """A day's calls; `person` is who rang, `record` whom the agent verified or -1.

    `phone` is the number as signalled, 0 when it was withheld; `agent` is -1 where
    nobody answered.
    """

    person: Ints
    record: Ints
    phone: Ints
    second: Ints
    wait: Ints
    talk: Ints
    queue: Ints
    subject: Ints
    agent: Ints
    outcome: Ints
    score: Ints

    @property
    def count(self) -> int:
        """Calls."""
        return len(self.person)


def make_calls(block: Block, day: Day) -> Calls:
    """Return the calls of a day; callers who give up often ring again."""
    rng = block.rng("calls", day)
    person, second = _callers(rng, block, day)
    count = len(person)
    subject = _SUBJECT_ODDS.draw(rng, count)
    rich = block.people.wealth[person] > 500_000
    queue = np.where(rich, _PRIORITY, _QUEUE_OF_SUBJECT[subject])
    wait, gave_up = _waits(rng, day, second, queue)
    outcome = np.where(
        gave_up,
        _ABANDONED,
        np.array([_ANSWERED, _TRANSFERRED, _SELF_SERVICE])[
            Odds.of([86, 6, 8]).draw(rng, count)
        ],
    )
    spoken = (outcome == _ANSWERED) | (outcome == _TRANSFERRED)
    talk = np.where(spoken, 20 + rng.gamma(1.6, 110.0, count), 0).astype(np.int64)
    agents = block.bank.employees.agents
    return Calls(
        person=person,
        record=_verified(rng, block, person, spoken),
        phone=_signalled(rng, block, person),
        second=second,
        wait=wait,
        talk=np.minimum(talk, 7200),
        queue=queue,
        subject=subject,
        agent=np.where(spoken, rng.integers(agents.start, agents.stop, count), -1),
        outcome=outcome,
        score=_scores(rng, wait, spoken, subject),
    )


def _callers(rng: np.random.Generator, block: Block, day: Day) -> tuple[Ints, Ints]:
    """Return who rings and when; the repeats follow some time after the first call."""
    people = block.people
    rate = np.where(
        people.outsider_kind < 0,
        _CALL_RATE * block.activity(day),
        np.where(people.outsider_kind == CALLER, _OUTSIDER_RATE, 0.0),
    )
    first = occurrences(rng, rate * (0.55 if day.is_weekend else 1.15))
    second = seconds_of_day(rng, _HOURS, len(first))
    again = np.flatnonzero(chosen(rng, len(first), _REPEAT_RATIO))
    later = np.minimum(second[again] + rng.integers(120, 9000, len(again)), 72_000)
    return np.concatenate((first, first[again])), np.concatenate((second, later))


def _waits(
    rng: np.random.Generator, day: Day, second: Ints, queue: Ints
) -> tuple[Ints, Bools]:
    """Return seconds waited and who gave up: waits grow with the hour's load."""
    load = _HOUR_WEIGHTS[second // 3600] / _HOUR_WEIGHTS.max()
    load = load * (0.7 if day.is_weekend else 1.0)
    mean: Floats = (8 + 150 * load**3) * np.where(queue == _PRIORITY, 0.3, 1.0)
    needed = rng.exponential(mean)
    patience = 15 + rng.exponential(260.0, len(second))
    waited = np.minimum(needed, patience).astype(np.int64)
    return np.minimum(waited, 7200), needed > patience


def _verified(
    rng: np.random.Generator, block: Block, person: Ints, spoken: Bools
) -> Ints:
    """Return the record under which the agent found each caller, -1 for nobody."""
    registry, customers = block.registry, block.people.customers
    second_record = np.full(block.people.count, -1, np.int64)
    twins = np.arange(customers, registry.count)
    second_record[registry.person[twins]] = twins
    other = second_record[person]
    record = np.where((other >= 0) & chosen(rng, len(person), 0.4), other, person)
    known = (person < customers) & spoken & chosen(rng, len(person), 0.7)
    return np.where(known, record, -1)


def _signalled(rng: np.random.Generator, block: Block, person: Ints) -> Ints:
    """Return caller numbers: the own, a firm's switchboard, or 0 for withheld."""
    people, count = block.people, len(person)
    firm = people.employer[person]
    at_work = (firm >= 0) & (firm < 40) & chosen(rng, count, 0.06)
    phone = np.where(at_work, switchboard_number(firm), people.phone[person])
    return np.where(chosen(rng, count, 0.05), 0, phone)


def _scores(rng: np.random.Generator, wait: Ints, spoken: Bools, subject: Ints) -> Ints:
    """Return answers to the survey, 0 for none; waiting and complaints lower them."""
    mood = 4.6 - wait / 150 - 1.4 * (subject == COMPLAINT)
    score = np.clip(np.rint(mood + rng.normal(0, 0.8, len(wait))), 1, 5)
    answered = spoken & chosen(rng, len(wait), 0.3)
    return np.where(answered, score, 0).astype(np.int64)


def call_id(block: Block, day: Day, calls: Calls) -> pa.Array:
    """Return the ids of a day's calls."""
    return joined("C", event_ids(day.number, block.number, calls.count))


def call_table(block: Block, day: Day, calls: Calls) -> pa.Table:
    """One row per call."""
    spoken = calls.agent >= 0
    said = calls.outcome != _ABANDONED
    return pa.table(
        {
            "call_id": call_id(block, day, calls),
            "caller_phone": only(phone_text(calls.phone), calls.phone > 0),
            "core_customer_id": only(
                core_customer_id(block.registry.number[calls.record]), calls.record >= 0
            ),
            "started_at": moments(day.number, calls.second),
            "wait_seconds": whole(calls.wait),
            "talk_seconds": whole(calls.talk),
            "queue_code": picked(_QUEUES, calls.queue),
            "employee_id": picked(block.bank.employee_ids, calls.agent, spoken),
            "outcome_code": picked(_OUTCOMES, calls.outcome),
            "subject_code": picked(_SUBJECTS, calls.subject, said),
            "note": _notes(block, day, calls, spoken),
            "satisfaction_score": whole(calls.score, calls.score > 0),
        }
    )


def _notes(block: Block, day: Day, calls: Calls, spoken: Bools) -> pa.Array:
    """Return what agents noted; now and then the caller's card number."""
    rng = block.rng("notes", day)
    choice = np.minimum(
        calls.subject * 2 + rng.integers(0, 2, calls.count), len(_NOTES) - 1
    )
    note = picked(_NOTES, choice)
    card = card_of_person(block, calls.person)
    tells = (card >= 0) & chosen(rng, calls.count, 0.03)
    number = spaced(card_text(block.cards.number[card]))
    noted = either(tells, joined(note, ", 卡号 ", number), plain(note))
    return only(noted, spoken & chosen(rng, calls.count, 0.85))


def card_of_person(block: Block, person: Ints) -> Ints:
    """Return a card of each person, -1 for those who have none."""
    is_customer = person < block.people.customers
    return np.where(
        is_customer, block.cards.of_account[np.where(is_customer, person, 0)], -1
    )


def spaced(cards: pa.Array) -> pa.Array:
    """Return card numbers in groups of four, as people write them."""
    groups = pc.replace_substring_regex(cards, r"(\d{4})", r"\1 ")
    return pc.utf8_rtrim_whitespace(groups)
