"""Complaint and service cases, from the day they open to the day they close."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import pyarrow as pa

from ingestion.sample.block import Block
from ingestion.sample.calendar_day import Day
from ingestion.sample.calls import COMPLAINT, Calls, call_id
from ingestion.sample.chance import Ints, Odds, chosen, occurrences
from ingestion.sample.columns import digits, joined, moments, only, picked, whole
from ingestion.sample.institution import PRODUCTS
from ingestion.sample.people import phone_text
from ingestion.sample.registry import core_customer_id

_OTHER_WAYS_RATE = 0.0012
_WAYS = ("phone", "email", "web", "branch")
_STATES = ("open", "closed")
_COMPLEXITIES = ("ordinary", "complex")
_COMPLEX_PERCENT = 15
_EXTENDED_PERCENT = 20
_ASKED_AFTER_DAYS = 10
_RESOLUTIONS = ("explained", "compensated", "corrected", "rejected")
_CATEGORIES = (
    "费用争议",
    "服务态度",
    "转账异常",
    "账户信息",
    "卡片盗刷",
    "营销骚扰",
    "贷款审批",
)
_DESCRIPTIONS = (
    "收到一笔不明手续费, 要求退还",
    "柜台排队两个小时, 无人解释",
    "转账三天未到账",
    "手机银行登录后余额显示错误",
    "信用卡在境外被盗刷",
    "多次接到营销电话, 要求停止",
    "贷款审批迟迟没有答复",
    "I was charged twice for the same transfer",
)


@dataclass(frozen=True)
class Cases:
    """Cases opened on one day; times are seconds since midnight of that day.

    `call` is the place of the call in which it was opened, -1 for none; `record` is -1
    where the customer is not known; `days_open` is 0 for closed on the same day.
    """

    opened_on: Day
    call: Ints
    person: Ints
    record: Ints
    way: Ints
    second: Ints
    days_open: Ints
    closing_second: Ints
    details: Ints
    call_ids: pa.Array

    @property
    def count(self) -> int:
        """Cases."""
        return len(self.person)


def make_cases(block: Block, day: Day, calls: Calls) -> Cases:
    """Return the cases opened on a day: out of calls, and by the other ways."""
    rng = block.rng("cases", day)
    complaints = (calls.subject == COMPLAINT) & (calls.agent >= 0)
    call = np.flatnonzero(complaints & chosen(rng, calls.count, 0.75))
    own = np.arange(block.people.customers)
    others = occurrences(rng, _OTHER_WAYS_RATE * block.activity(day)[own])
    count = len(call) + len(others)
    second = np.concatenate(
        (
            calls.second[call] + calls.wait[call] + calls.talk[call],
            rng.integers(8 * 3600, 19 * 3600, len(others)),
        )
    )
    second = np.minimum(second, 86_000)
    same_day = rng.integers(0, 1 << 30, count) % (86_399 - second) + second
    length = np.minimum(rng.geometric(0.22, count) - 1, 28)
    return Cases(
        opened_on=day,
        call=np.concatenate((call, np.full(len(others), -1))),
        person=np.concatenate((calls.person[call], others)),
        record=np.concatenate((calls.record[call], others)),
        way=np.concatenate(
            (np.zeros(len(call), np.int64), rng.integers(1, len(_WAYS), len(others)))
        ),
        second=second,
        days_open=length,
        closing_second=np.where(
            length == 0, same_day, rng.integers(9 * 3600, 18 * 3600, count)
        ),
        details=rng.integers(0, 1 << 40, count),
        call_ids=call_id(block, day, calls),
    )


def case_table(block: Block, day: Day, known: list[Cases]) -> pa.Table:
    """One row per case opened or changed on a day, as it stands at the day's end."""
    return pa.concat_tables([_rows(block, day, cases) for cases in known])


def _rows(block: Block, day: Day, cases: Cases) -> pa.Table:
    age = day.number - cases.opened_on.number
    is_complex = cases.details // 17 % 100 < _COMPLEX_PERCENT
    asks = is_complex & (cases.details // 1_700 % 100 < _EXTENDED_PERCENT)
    asks &= cases.days_open > _ASKED_AFTER_DAYS
    changes = (cases.days_open == age) | (age == 0)
    which = np.flatnonzero(changes | (asks & (age == _ASKED_AFTER_DAYS)))
    closed = cases.days_open[which] <= age
    is_extended = asks[which] & (age >= _ASKED_AFTER_DAYS)
    record, call, details = cases.record[which], cases.call[which], cases.details[which]
    bank = block.bank
    officers = bank.employees.officers
    owner = officers.start + details % len(officers)
    products = [p.name for p in PRODUCTS]
    return pa.table(
        {
            "case_id": _case_id(block, cases, which),
            "opened_at": moments(cases.opened_on.number, cases.second[which]),
            "core_customer_id": only(
                core_customer_id(block.registry.number[record]), record >= 0
            ),
            "call_id": cases.call_ids.take(whole(call, call >= 0)),
            "contact_phone": phone_text(block.people.phone[cases.person[which]]),
            "category_code": picked(_CATEGORIES, details // 7 % len(_CATEGORIES)),
            "product_name": picked(
                products, details // 11 % len(products), details % 5 > 0
            ),
            "complexity_code": picked(
                _COMPLEXITIES, is_complex[which].astype(np.int64)
            ),
            "extended_at": moments(
                cases.opened_on.number + _ASKED_AFTER_DAYS,
                cases.closing_second[which],
                is_extended,
            ),
            "submitted_via_code": picked(_WAYS, cases.way[which]),
            "status_code": picked(_STATES, closed.astype(np.int64)),
            "closed_at": moments(day.number, cases.closing_second[which], closed),
            "resolution_code": picked(
                _RESOLUTIONS, Odds.of([50, 15, 20, 15]).table[details % 4096], closed
            ),
            "employee_id": picked(bank.employee_ids, owner),
            "department_id": picked(
                bank.department_ids, bank.employees.department[owner]
            ),
            "description": picked(_DESCRIPTIONS, details // 13 % len(_DESCRIPTIONS)),
        }
    )


def _case_id(block: Block, cases: Cases, which: Ints) -> pa.Array:
    stamp = int(cases.opened_on.date.strftime("%y%m%d"))
    return joined("Q", digits(which + block.number * 100_000 + stamp * 10**8, 14))
