"""Campaigns: who was contacted and held out, who responded, and where it broke."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import pyarrow as pa

from ingestion.sample.chance import Bools, Ints, Odds, chosen, stream
from ingestion.sample.columns import (
    days,
    decimals,
    digits,
    joined,
    moments,
    picked,
    truths,
)
from ingestion.sample.institution import PRODUCTS, Institution, present
from ingestion.sample.people import People
from ingestion.sample.registry import Registry, core_customer_id
from ingestion.sample.spec import BLOCK_CUSTOMERS, SampleSpec

STEPS = ("listed", "attempted", "reached", "interested", "applied", "fulfilled")
LISTED, ATTEMPTED, REACHED, INTERESTED, APPLIED, FULFILLED = range(6)
FAILURES = (
    "wrong_number",
    "no_answer",
    "not_interested",
    "unsuitable",
    "application_lost",
    "rejected_by_risk",
    "system_error",
    "held_out",
)
(
    WRONG_NUMBER,
    NO_ANSWER,
    NOT_INTERESTED,
    UNSUITABLE,
    APPLICATION_LOST,
    REJECTED_BY_RISK,
    SYSTEM_ERROR,
    HELD_OUT,
) = range(8)
CHANNELS = ("phone", "email", "app", "none")
PHONE, EMAIL, APP, NO_CHANNEL = range(4)
CONTROL_RATIO = 0.2
_AUDIENCE_RATIO = 0.15
_APPLY_RATIO = 0.24
_SPONTANEOUS_RATIO = 0.05
_LOST_RATIO, _CULPRIT_LOST_RATIO = 0.03, 0.8


@dataclass(frozen=True)
class Campaign:
    """A campaign; days count from 1970."""

    campaign_id: str
    name: str
    objective: str
    product: int
    first_day: int
    last_contact_day: int
    last_day: int
    department: int
    employee: int


@dataclass(frozen=True)
class Contacts:
    """The audience of all campaigns in a block, the control group included.

    `employee` and `department` are -1 for nobody, `failure` is -1 when fulfilled;
    `opened_day` is the day on which the offered product was opened, -1 for never.
    """

    block: int
    campaign: Ints
    record: Ints
    day: Ints
    second: Ints
    channel: Ints
    is_control: Bools
    employee: Ints
    department: Ints
    step: Ints
    failure: Ints
    opened_day: Ints

    @property
    def count(self) -> int:
        """Contacts, those held out included."""
        return len(self.record)


def make_campaigns(
    spec: SampleSpec, bank: Institution, today: int
) -> tuple[Campaign, ...]:
    """Return the two campaigns of the sample: one from the first day, one later."""
    last = today + spec.days - 1
    marketing = bank.department_of("marketing")
    kinds = {p.product_id: n for n, p in enumerate(PRODUCTS)}
    offers = (
        ("春季理财", "cross_sell", "WM01", today),
        ("定存回流", "retention", "TD12", min(today + 1, last)),
    )
    return tuple(
        Campaign(
            campaign_id=f"CMP{n:04d}",
            name=name,
            objective=objective,
            product=kinds[product],
            first_day=first,
            last_contact_day=min(first + 4, last),
            last_day=first + 30,
            department=marketing,
            employee=bank.employees.marketers[0],
        )
        for n, (name, objective, product, first) in enumerate(offers, 1)
    )


def culprit(bank: Institution) -> tuple[int, int]:
    """Return department and employee who lose most applications that they take."""
    employee = bank.employees.sellers[0]
    return int(bank.employees.department[employee]), employee


def make_contacts(
    spec: SampleSpec,
    people: People,
    registry: Registry,
    bank: Institution,
    campaigns: tuple[Campaign, ...],
) -> Contacts:
    """Return who of a block is in which campaign, and what became of it."""
    rng = stream(spec.seed, "contacts", people.block)
    campaign, record = _audiences(rng, people, registry, len(campaigns))
    count = len(record)
    day = _contact_days(rng, campaigns, campaign)
    is_control = chosen(rng, count, CONTROL_RATIO)
    channel = np.where(is_control, NO_CHANNEL, Odds.of([70, 12, 18]).draw(rng, count))
    employee = _contact_employees(
        rng, bank, present(bank, registry.manager[record], day), channel
    )
    step, failure = _outcomes(rng, employee == culprit(bank)[1], channel, is_control)
    comes_alone = is_control & chosen(rng, count, _SPONTANEOUS_RATIO)
    return Contacts(
        block=people.block,
        campaign=campaign,
        record=record,
        day=day,
        second=rng.integers(9 * 3600, 19 * 3600, count),
        channel=channel,
        is_control=is_control,
        employee=employee,
        department=np.where(employee >= 0, bank.employees.department[employee], -1),
        step=step,
        failure=failure,
        opened_day=np.where((step == FULFILLED) | comes_alone, day, -1),
    )


def _audiences(
    rng: np.random.Generator, people: People, registry: Registry, campaigns: int
) -> tuple[Ints, Ints]:
    """Return campaign and record of those who agreed to marketing, by chance."""
    welcome = registry.allows_marketing & (registry.restriction < 0)
    welcome &= np.arange(registry.count) < people.customers
    parts = [
        np.flatnonzero(welcome & chosen(rng, registry.count, _AUDIENCE_RATIO))
        for _ in range(campaigns)
    ]
    campaign = np.repeat(np.arange(campaigns), [len(p) for p in parts])
    return campaign, np.concatenate(parts).astype(np.int64)


def _contact_days(
    rng: np.random.Generator, campaigns: tuple[Campaign, ...], campaign: Ints
) -> Ints:
    """Return the day of each contact, within the contact days of its campaign."""
    first = np.array([c.first_day for c in campaigns])[campaign]
    last = np.array([c.last_contact_day for c in campaigns])[campaign]
    day: Ints = first + rng.integers(0, 1 << 30, len(campaign)) % (last - first + 1)
    return day


def _contact_employees(
    rng: np.random.Generator, bank: Institution, manager: Ints, channel: Ints
) -> Ints:
    """Return who makes each contact: telesales or the manager by phone."""
    sellers, marketers = bank.employees.sellers, bank.employees.marketers
    seller = rng.integers(sellers.start, sellers.stop, len(channel))
    marketer = rng.integers(marketers.start, marketers.stop, len(channel))
    caller = np.where(chosen(rng, len(channel), 0.65), seller, manager)
    by_hand = np.where(channel == PHONE, caller, marketer)
    return np.where(channel == NO_CHANNEL, -1, by_hand)


def _outcomes(
    rng: np.random.Generator, by_culprit: Bools, channel: Ints, is_control: Bools
) -> tuple[Ints, Ints]:
    """Return the furthest step and the failure (-1 for none) of each contact."""
    count = len(channel)
    ends = np.array(
        [
            (ATTEMPTED, NO_ANSWER),
            (ATTEMPTED, WRONG_NUMBER),
            (REACHED, NOT_INTERESTED),
            (INTERESTED, NOT_INTERESTED),
            (INTERESTED, UNSUITABLE),
        ]
    )[Odds.of([30, 7, 46, 11, 6]).draw(rng, count)]
    lost = rng.random(count) < np.where(by_culprit, _CULPRIT_LOST_RATIO, _LOST_RATIO)
    late = Odds.of([88, 8, 4]).draw(rng, count)
    applied_failure = np.where(
        lost,
        APPLICATION_LOST,
        np.array([-1, REJECTED_BY_RISK, SYSTEM_ERROR])[late],
    )
    applies = chosen(rng, count, _APPLY_RATIO)
    step = np.where(
        applies, np.where(applied_failure < 0, FULFILLED, APPLIED), ends[:, 0]
    )
    failure = np.where(applies, applied_failure, ends[:, 1])
    misdialled = (failure == WRONG_NUMBER) & (channel != PHONE)
    failure = np.where(misdialled, NO_ANSWER, failure)
    return np.where(is_control, LISTED, step), np.where(is_control, HELD_OUT, failure)


def contact_id(contacts: Contacts, which: Ints) -> pa.Array:
    """Return the ids of contacts by place."""
    return joined("K", digits(which + contacts.block * 4 * BLOCK_CUSTOMERS, 10))


def contact_table(
    contacts: Contacts,
    registry: Registry,
    bank: Institution,
    campaigns: tuple[Campaign, ...],
    day: int,
) -> pa.Table:
    """One row per contact of a day."""
    which = np.flatnonzero(contacts.day == day)
    employee, department = contacts.employee[which], contacts.department[which]
    failure = contacts.failure[which]
    return pa.table(
        {
            "contact_id": contact_id(contacts, which),
            "campaign_id": picked(
                [c.campaign_id for c in campaigns], contacts.campaign[which]
            ),
            "core_customer_id": core_customer_id(
                registry.number[contacts.record[which]]
            ),
            "contacted_at": moments(day, contacts.second[which]),
            "contact_channel_code": picked(CHANNELS, contacts.channel[which]),
            "is_control": truths(contacts.is_control[which]),
            "employee_id": picked(bank.employee_ids, employee, employee >= 0),
            "department_id": picked(bank.department_ids, department, department >= 0),
            "holder_employee_id": pa.nulls(len(which), pa.string()),
            "holder_department_id": pa.nulls(len(which), pa.string()),
            "step_code": picked(STEPS, contacts.step[which]),
            "failure_code": picked(FAILURES, failure, failure >= 0),
        }
    )


def campaign_table(
    bank: Institution, campaigns: tuple[Campaign, ...], day: int
) -> pa.Table:
    """One row per campaign that has begun by a day."""
    begun = [c for c in campaigns if c.first_day <= day]
    count = len(begun)
    return pa.table(
        {
            "campaign_id": pa.array([c.campaign_id for c in begun], pa.string()),
            "campaign_name": pa.array([c.name for c in begun], pa.string()),
            "objective_code": pa.array([c.objective for c in begun], pa.string()),
            "product_id": pa.array(
                [PRODUCTS[c.product].product_id for c in begun], pa.string()
            ),
            "start_date": days(np.array([c.first_day for c in begun], np.int64)),
            "end_date": days(np.array([c.last_day for c in begun], np.int64)),
            "department_id": picked(
                bank.department_ids, np.array([c.department for c in begun], np.int64)
            ),
            "employee_id": picked(
                bank.employee_ids, np.array([c.employee for c in begun], np.int64)
            ),
            "control_ratio": decimals(
                np.full(count, int(CONTROL_RATIO * 10_000)), 5, 4
            ),
        }
    )
