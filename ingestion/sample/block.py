"""All that is known of a block of customers before the first day."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from ingestion.sample.accounts import (
    Accounts,
    Cards,
    Holders,
    make_accounts,
    make_cards,
    make_holders,
)
from ingestion.sample.calendar_day import Day
from ingestion.sample.campaigns import Campaign, Contacts, make_contacts
from ingestion.sample.chance import Floats, Ints, stream
from ingestion.sample.drift import Drift, make_drift
from ingestion.sample.institution import Institution
from ingestion.sample.logins import Logins, make_logins
from ingestion.sample.people import People, make_people
from ingestion.sample.registry import Registry, make_registry
from ingestion.sample.spec import SampleSpec


@dataclass(frozen=True)
class Block:
    """A block of people with all they hold; made from the spec and its number alone."""

    spec: SampleSpec
    bank: Institution
    campaigns: tuple[Campaign, ...]
    people: People
    registry: Registry
    contacts: Contacts
    accounts: Accounts
    holders: Holders
    cards: Cards
    logins: Logins
    income: Ints
    drift: Drift

    @property
    def number(self) -> int:
        """Which block it is, from 0."""
        return self.people.block

    def activity(self, day: Day) -> Floats:
        """Return how active each person is on a day; 1 is the average."""
        return self.people.activity * self.drift.factor(day)

    def rng(self, purpose: str, day: Day) -> np.random.Generator:
        """Return the stream of a purpose on a day of this block."""
        return stream(self.spec.seed, purpose, day.number, self.number)


def make_block(
    spec: SampleSpec, bank: Institution, campaigns: tuple[Campaign, ...], number: int
) -> Block:
    """Return one block as it is on the eve of the first day."""
    today = Day(spec.start).number
    people = make_people(spec, number)
    registry = make_registry(spec, people, bank, today)
    contacts = make_contacts(spec, people, registry, bank, campaigns)
    accounts = make_accounts(spec, people, registry, contacts, campaigns, today)
    holders = make_holders(spec, people, accounts)
    factor = np.exp(
        stream(spec.seed, "income", number).standard_normal(people.count) * 0.4
    )
    income = 10_500 * factor * (people.wealth / 60_000) ** 0.25
    return Block(
        spec=spec,
        bank=bank,
        campaigns=campaigns,
        people=people,
        registry=registry,
        contacts=contacts,
        accounts=accounts,
        holders=holders,
        cards=make_cards(spec, registry, accounts, holders, number, today),
        logins=make_logins(spec, people, registry, today),
        income=np.rint(income * 100).astype(np.int64),
        drift=make_drift(spec, people),
    )
