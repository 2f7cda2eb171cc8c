"""The bank itself: products, departments, employees and cash machines."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import pyarrow as pa

from ingestion.sample.chance import Bools, Ints, stream
from ingestion.sample.columns import digits, joined, only, picked
from ingestion.sample.pools import Pools, make_pools
from ingestion.sample.spec import SampleSpec

_TEAM_SIZE = 8
_DAYS_OF_LEAVE = 90
_DAYS_BETWEEN_LEAVES = 1_500


@dataclass(frozen=True)
class Product:
    """A product: its kind as the contract names it, and its yearly rate in 1e-6."""

    product_id: str
    name: str
    kind: str
    rate_millionths: int
    risk: str | None = None


PRODUCTS = (
    Product("CA01", "活期账户", "current_account", 1_000, "R1"),
    Product("SA01", "定活两便储蓄", "savings", 5_500, "R1"),
    Product("TD12", "一年期定期存款", "time_deposit", 15_000, "R1"),
    Product("TD36", "三年期定期存款", "time_deposit", 22_500, "R1"),
    Product("WM01", "稳健理财", "wealth", 27_000, "R2"),
    Product("WM02", "平衡增利理财", "wealth", 34_000, "R3"),
    Product("WM03", "进取成长理财", "wealth", 41_000, "R5"),
    Product("MG01", "个人住房贷款", "mortgage", 36_500),
    Product("CL01", "个人消费贷款", "consumer_loan", 52_000),
    Product("CC01", "标准信用卡", "credit_card", 150_000),
)


@dataclass(frozen=True)
class Department:
    """A department or branch."""

    department_id: str
    name: str
    kind: str
    city: str


@dataclass(frozen=True)
class Employees:
    """All employees; the ranges say who does what, relationship managers first."""

    employee_id: tuple[str, ...]
    department: Ints
    job_title: tuple[str, ...]
    managers: range
    agents: range
    sellers: range
    marketers: range
    officers: range


@dataclass(frozen=True)
class Institution:
    """The bank: branches are the first departments, grouped by city."""

    departments: tuple[Department, ...]
    branches: int
    managers_per_branch: int
    city_first_branch: Ints
    city_branches: Ints
    employees: Employees
    terminals: tuple[str, ...]
    terminal_places: tuple[str, ...]

    def department_of(self, kind: str) -> int:
        """Return the index of the first department of a kind."""
        return next(i for i, d in enumerate(self.departments) if d.kind == kind)

    @property
    def department_ids(self) -> pa.Array:
        """Department numbers, a pool to pick from."""
        return pa.array([d.department_id for d in self.departments])

    @property
    def employee_ids(self) -> pa.Array:
        """Employee numbers, a pool to pick from."""
        return pa.array(list(self.employees.employee_id))


def make_institution(spec: SampleSpec) -> Institution:
    """Return a bank of a size that serves so many customers."""
    pools = make_pools(spec.seed)
    per_city = _branches_per_city(spec, pools)
    departments = _departments(pools, per_city)
    branches = int(per_city.sum())
    per_branch = max(2, -(-spec.customers // (branches * 400)))
    machines = max(24, spec.customers // 1_500)
    cities = stream(spec.seed, "terminals").integers(0, len(pools.cities), machines)
    return Institution(
        departments=departments,
        branches=branches,
        managers_per_branch=per_branch,
        city_first_branch=np.cumsum(per_city) - per_city,
        city_branches=per_city,
        employees=_employees(spec, branches, per_branch),
        terminals=tuple(f"T{n:07d}" for n in range(machines)),
        terminal_places=tuple(
            f"{pools.cities[c]}{pools.streets[n % len(pools.streets)]}网点"[:12]
            for n, c in enumerate(cities)
        ),
    )


def _branches_per_city(spec: SampleSpec, pools: Pools) -> Ints:
    share = np.bincount(pools.city_odds.table, minlength=len(pools.cities)) / 4096
    return np.maximum(1, np.rint(share * spec.customers / 20_000)).astype(np.int64)


_HEAD_OFFICE = (
    ("D001", "客户服务中心", "call_center"),
    ("D002", "市场营销部", "marketing"),
    ("D003", "风险管理部", "risk"),
    ("D004", "运营管理部", "operations"),
    ("D005", "产品研发部", "product"),
)


def _departments(pools: Pools, per_city: Ints) -> tuple[Department, ...]:
    branches = [
        (city, number)
        for city, count in zip(pools.cities, per_city, strict=True)
        for number in range(1, int(count) + 1)
    ]
    named = [
        Department(f"B{n:04d}", f"{city}第{number}支行", "branch", city)
        for n, (city, number) in enumerate(branches, 1)
    ]
    office = [Department(i, name, kind, "上海") for i, name, kind in _HEAD_OFFICE]
    return (*named, *office)


def _employees(spec: SampleSpec, branches: int, per_branch: int) -> Employees:
    """Return employees by job; the numbers in the ranges are places in the list."""
    sizes = {
        "客户经理": branches * per_branch,
        "坐席": max(6, spec.customers // 1_200),
        "电话营销": max(4, spec.customers // 20_000),
        "营销专员": max(3, spec.customers // 50_000),
        "运营专员": max(3, spec.customers // 20_000),
    }
    ends = np.cumsum(list(sizes.values()))
    ranges = [
        range(int(e - s), int(e)) for e, s in zip(ends, sizes.values(), strict=True)
    ]
    offices = (branches, branches, branches + 1, branches + 3)
    places = [np.arange(sizes["客户经理"]) // per_branch]
    places += [
        np.full(len(r), place) for r, place in zip(ranges[1:], offices, strict=True)
    ]
    return Employees(
        employee_id=tuple(f"E{n:06d}" for n in range(1, int(ends[-1]) + 1)),
        department=np.concatenate(places).astype(np.int64),
        job_title=tuple(t for title, size in sizes.items() for t in [title] * size),
        managers=ranges[0],
        agents=ranges[1],
        sellers=ranges[2],
        marketers=ranges[3],
        officers=ranges[4],
    )


def product_table() -> pa.Table:
    """One row per product."""
    return pa.table(
        {
            "product_id": [p.product_id for p in PRODUCTS],
            "product_name": [p.name for p in PRODUCTS],
            "product_kind_code": [p.kind for p in PRODUCTS],
            "risk_level_code": pa.array([p.risk for p in PRODUCTS], pa.string()),
        }
    )


def department_table(bank: Institution) -> pa.Table:
    """One row per department or branch."""
    return pa.table(
        {
            "department_id": [d.department_id for d in bank.departments],
            "department_name": [d.name for d in bank.departments],
            "department_kind_code": [d.kind for d in bank.departments],
            "city_name": [d.city for d in bank.departments],
        }
    )


def is_away(bank: Institution, employee: Ints, day: int | Ints) -> Bools:
    """Tell who is on leave on a day, and so not in the register: none but managers.

    The first manager of a branch is away for three months in about four years.
    """
    turn = (day + employee * 1_009) % _DAYS_BETWEEN_LEAVES
    is_first = employee % bank.managers_per_branch == 0
    away: Bools = is_first & (employee < bank.employees.managers.stop)
    away &= turn < _DAYS_OF_LEAVE
    return away


def present(bank: Institution, employee: Ints, day: int | Ints) -> Ints:
    """Return the employees, in place of one on leave the next of the branch."""
    stand_in: Ints = employee + is_away(bank, employee, day)
    return stand_in


def employee_table(spec: SampleSpec, bank: Institution, day: int) -> pa.Table:
    """One row per employee who is there on a day."""
    pools = make_pools(spec.seed)
    staff = bank.employees
    rng = stream(spec.seed, "employees")
    names = [
        pools.surnames[s] + pools.female_characters[g % len(pools.female_characters)]
        for s, g in zip(
            pools.surname_odds.draw(rng, len(staff.employee_id)).tolist(),
            rng.integers(0, 10_000, len(staff.employee_id)).tolist(),
            strict=True,
        )
    ]
    place = np.arange(len(names))
    teams = joined(
        picked(bank.department_ids, staff.department),
        "-",
        digits(place // _TEAM_SIZE % 100, 2),
    )
    table = pa.table(
        {
            "employee_id": bank.employee_ids,
            "full_name": names,
            "department_id": picked(bank.department_ids, staff.department),
            "job_title": list(staff.job_title),
            "team_id": only(teams, place >= staff.managers.stop),
        }
    )
    return table.filter(pa.array(~is_away(bank, place, day)))
