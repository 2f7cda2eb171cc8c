"""A campaign's file is read strictly: each mistake is named with where it stands."""

from __future__ import annotations

from pathlib import Path

import pytest

from ingestion.errors import SettingsError
from warehouse.campaign_files import read_campaign

GOOD = """\
campaign_id: WM-1
campaign_name: 稳健理财
goal: 100 accounts
objective_code: cross_sell
product_id: WM01
department_id: D002
employee_id: E000035
start_date: 2026-03-10
end_date: 2026-04-09
contact_days: 10
audience: age_years > 25
channels: {phone: {capacity_per_day: 10}}
budget_amount: 3000
control_ratio: 0.2
expected: {response_ratio: 0.05, uplift_ratio: 0.03}
"""


def test_a_file_is_read(tmp_path: Path) -> None:
    path = tmp_path / "campaign.yaml"
    path.write_text(GOOD, encoding="utf-8")
    campaign = read_campaign(path)
    assert campaign.campaign_id == "WM-1"
    assert campaign.channels["phone"].capacity_per_day == 10


@pytest.mark.parametrize(
    ("old", "new", "said"),
    [
        ("goal:", "gaol:", "did you mean 'goal'"),
        ("capacity_per_day", "capacity_a_day", "channels.phone.capacity_a_day"),
        ("{phone:", "{fax:", "channels.fax"),
        ("per_day: 10", "per_day: 0", "channels.phone.capacity_per_day"),
        ("cross_sell", "sell", "objective_code"),
        ("2026-04-09", "2026-03-01", "end_date is before start_date"),
        ("response_ratio: 0.05", "response_ratio: 5", "expected.response_ratio"),
        ("WM-1", "a b", "campaign_id"),
        ("control_ratio: 0.2", "control_ratio: 0", "control_ratio"),
        ("2026-03-10", "soon", "start_date"),
    ],
)
def test_a_mistake_is_named(old: str, new: str, said: str, tmp_path: Path) -> None:
    path = tmp_path / "campaign.yaml"
    assert old in GOOD
    path.write_text(GOOD.replace(old, new), encoding="utf-8")
    with pytest.raises(SettingsError) as caught:
        read_campaign(path)
    assert said in str(caught.value)
    assert "\n" not in str(caught.value)
