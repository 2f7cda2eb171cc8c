"""Mail between customers and the bank: the gateway's, and the branch mailboxes'."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import pyarrow as pa

from ingestion.sample.accounts import card_text
from ingestion.sample.block import Block
from ingestion.sample.calendar_day import Day
from ingestion.sample.calls import card_of_person, spaced
from ingestion.sample.chance import Bools, Floats, Ints, chosen, occurrences
from ingestion.sample.columns import (
    either,
    event_ids,
    joined,
    moments,
    nothing,
    only,
    picked,
    plain,
    repeated,
)
from ingestion.sample.people import WRITER, email_address, full_name

_MAIL_RATE, _WRITER_RATE = 0.02, 0.06
_BRANCH_RATE, _BRANCH_MOST_A_BLOCK = 0.003, 25
_DOMAIN = "passbook-bank.example"
_SERVICE = f"service@{_DOMAIN}"
_REPLY_RATIO = 0.8
_TOPICS = (
    ("咨询理财产品", "您好, 请问稳健理财的起购金额和期限是多少? 谢谢。", "investment"),
    ("信用卡账单疑问", "账单上有一笔消费我不认识, 请帮忙核实。", "card"),
    ("转账未到账", "昨天的转账至今未到账,\n请尽快处理。", "transfer"),
    (
        "Address change",
        "Dear team,\nI have moved. How do I change my address?",
        "other",
    ),
    ("贷款进度", "我的贷款申请已经提交两周, 请告知进度。", "loan"),
    (
        "Card not received",
        'My new card has not arrived yet, could you "trace" it?',
        "card",
    ),
    ("投诉: 服务态度", "昨天在网点排队两个小时, 非常不满意!", "complaint"),
    ("开具存款证明", "需要一份存款证明, 请问如何办理?", "balance"),
)
_REPLIES = (
    "尊敬的客户, 您好! 您的来信已收到, 我们将尽快处理。",
    "Dear customer,\nthank you for your message. We are looking into it.",
    "您好, 相关问题已转交专人, 请留意后续通知。",
)


@dataclass(frozen=True)
class Letters:
    """Messages of customers on one day, and whether and when the bank answers.

    `answer_second` counts from midnight of the day of the letter and may lie on the
    next day; it is -1 for never.
    """

    written_on: Day
    person: Ints
    second: Ints
    topic: Ints
    tells_card: Bools
    answer_second: Ints
    handler: Ints

    @property
    def count(self) -> int:
        """Letters."""
        return len(self.person)


def make_letters(block: Block, day: Day) -> Letters:
    """Return what was written to the service address on a day."""
    people = block.people
    rate = np.where(
        people.outsider_kind < 0,
        _MAIL_RATE * block.activity(day),
        np.where(people.outsider_kind == WRITER, _WRITER_RATE, 0.0),
    )
    return _letters(block, day, "letters", rate * people.has_email)


def make_branch_letters(block: Block, day: Day) -> Letters:
    """Return what customers wrote to their branch on a day: some 25 a block."""
    people = block.people
    rate = np.where(people.outsider_kind < 0, _BRANCH_RATE, 0.0) * people.has_email
    rate *= min(1.0, _BRANCH_MOST_A_BLOCK / max(float(rate.sum()), 1e-9))
    return _letters(block, day, "branch letters", rate)


def _letters(block: Block, day: Day, purpose: str, rate: Floats) -> Letters:
    rng = block.rng(purpose, day)
    person = occurrences(rng, rate)
    count = len(person)
    second = rng.integers(6 * 3600, 23 * 3600, count)
    answer = second + rng.integers(900, 20 * 3600, count)
    agents = block.bank.employees.agents
    card = card_of_person(block, person)
    return Letters(
        written_on=day,
        person=person,
        second=second,
        topic=rng.integers(0, len(_TOPICS), count),
        tells_card=(card >= 0) & chosen(rng, count, 0.04),
        answer_second=np.where(chosen(rng, count, _REPLY_RATIO), answer, -1),
        handler=rng.integers(agents.start, agents.stop, count),
    )


def message_table(block: Block, day: Day, known: list[Letters]) -> pa.Table:
    """One row per message that left on a day: letters of the day, and answers."""
    rows = []
    for letters in known:
        if letters.written_on == day:
            rows.append(_inbound(block, letters))
        rows.append(_answers(block, letters, day))
    return pa.concat_tables(rows)


def _message_id(block: Block, letters: Letters) -> pa.Array:
    return event_ids(letters.written_on.number, block.number, letters.count)


def _inbound(block: Block, letters: Letters) -> pa.Table:
    person, count = letters.person, letters.count
    seed = block.spec.seed
    named = np.asarray(block.people.given[person] % 5 > 0)
    return pa.table(
        {
            "message_id": joined("M", _message_id(block, letters)),
            "sent_at": moments(letters.written_on.number, letters.second),
            "sender_address": plain(email_address(seed, block.people, person)),
            "sender_name": only(full_name(seed, block.people, person), named),
            "recipient_address": plain(repeated(_SERVICE, count)),
            "direction_code": plain(repeated("inbound", count)),
            "subject": plain(picked([t[0] for t in _TOPICS], letters.topic)),
            "subject_code": plain(picked([t[2] for t in _TOPICS], letters.topic)),
            "body": _bodies(block, letters),
            "in_reply_to": nothing(count),
            "employee_id": plain(picked(block.bank.employee_ids, letters.handler)),
        }
    )


def _bodies(block: Block, letters: Letters) -> pa.Array:
    body = plain(picked([t[1] for t in _TOPICS], letters.topic))
    card = card_of_person(block, letters.person)
    number = spaced(card_text(block.cards.number[card]))
    return either(letters.tells_card, joined(body, "\n卡号: ", number), body)


def _answers(block: Block, letters: Letters, day: Day) -> pa.Table:
    """Return the answers that leave on a day to letters of that or an earlier day."""
    offset = (day.number - letters.written_on.number) * 86_400
    second = letters.answer_second - offset
    which = np.flatnonzero(
        (letters.answer_second >= 0) & (second >= 0) & (second < 86_400)
    )
    number = _message_id(block, letters).take(pa.array(which))
    person, topic, count = letters.person[which], letters.topic[which], len(which)
    subject = picked([f"Re: {t[0]}" for t in _TOPICS], topic)
    return pa.table(
        {
            "message_id": joined("A", number),
            "sent_at": moments(day.number, second[which]),
            "sender_address": plain(repeated(_SERVICE, count)),
            "sender_name": plain(repeated("客户服务中心", count)),
            "recipient_address": plain(
                email_address(block.spec.seed, block.people, person)
            ),
            "direction_code": plain(repeated("outbound", count)),
            "subject": plain(subject),
            "subject_code": plain(picked([t[2] for t in _TOPICS], topic)),
            "body": plain(picked(_REPLIES, topic % len(_REPLIES))),
            "in_reply_to": joined("M", number),
            "employee_id": plain(
                picked(block.bank.employee_ids, letters.handler[which])
            ),
        }
    )


def mailbox_table(block: Block, day: Day, known: list[Letters]) -> pa.Table:
    """One row per message of the branch mailboxes, without gateway columns."""
    table = message_table(block, day, known)
    people = np.concatenate([_people_of(letters, day) for letters in known])
    branch = block.registry.branch[people]
    address = joined(
        picked([d.department_id.lower() for d in block.bank.departments], branch),
        f"@{_DOMAIN}",
    )
    inbound = np.array(table["direction_code"].to_pylist()) == "inbound"
    replaced = {
        "message_id": _header_id(table["message_id"].combine_chunks()),
        "in_reply_to": _header_id(table["in_reply_to"].combine_chunks()),
        "sender_address": either(
            inbound, table["sender_address"].combine_chunks(), address
        ),
        "recipient_address": either(
            inbound, address, table["recipient_address"].combine_chunks()
        ),
    }
    for name, values in replaced.items():
        table = table.set_column(table.schema.get_field_index(name), name, values)
    return table.drop_columns(["direction_code", "employee_id", "subject_code"])


def _people_of(letters: Letters, day: Day) -> Ints:
    """Return the customers of the messages of `message_table`, in its order."""
    second = letters.answer_second - (day.number - letters.written_on.number) * 86_400
    answered = (letters.answer_second >= 0) & (second >= 0) & (second < 86_400)
    inbound = letters.person if letters.written_on == day else letters.person[:0]
    return np.concatenate((inbound, letters.person[answered]))


def _header_id(number: pa.Array) -> pa.Array:
    return joined("<branch.", number, f"@{_DOMAIN}>")
