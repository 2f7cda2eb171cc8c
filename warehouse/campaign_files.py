"""Reads the file that plans a campaign, strictly."""

from __future__ import annotations

from datetime import date
from pathlib import Path
from typing import Annotated, Literal

import yaml
from pydantic import BaseModel, ConfigDict, Field, ValidationError, model_validator

from ingestion.errors import SettingsError
from ingestion.unknown_keys import unknown_keys

Code = Annotated[str, Field(pattern=r"^[A-Za-z0-9][A-Za-z0-9_-]{0,39}$")]


class _Strict(BaseModel):
    model_config = ConfigDict(extra="forbid", frozen=True)


class Channel(_Strict):
    """How many customers a channel can contact on a day."""

    capacity_per_day: int = Field(gt=0)


class Segment(_Strict):
    """A segment of one of the schemes of `mart.segments`."""

    scheme_code: Code
    segment_code: Code


class Expected(_Strict):
    """What is believed before: from an earlier campaign, or a guess.

    `response_ratio` is that of customers who are not contacted, `uplift_ratio` what the
    contact adds to it; `contribution_amount` is what a response brings in a year, by
    default the average of the product's accounts by the owner's tier.
    """

    response_ratio: float = Field(gt=0, lt=1)
    uplift_ratio: float = Field(gt=0, lt=1)
    contribution_amount: float | None = Field(default=None, gt=0)


class CampaignFile(_Strict):
    """A campaign: what it offers, to whom, by which channels, and how it is measured.

    `audience` is an SQL predicate over the columns of `mart.customers`.
    """

    campaign_id: Code
    campaign_name: str = Field(min_length=1)
    goal: str = Field(min_length=1)
    objective_code: Literal["cross_sell", "retention", "activation"]
    product_id: Code
    risk_level_code: Literal["R1", "R2", "R3", "R4", "R5"] | None = None
    department_id: Code
    employee_id: Code
    start_date: date
    end_date: date
    contact_days: int = Field(gt=0, le=366)
    audience: str | None = None
    segment: Segment | None = None
    channels: dict[Literal["phone", "email", "app"], Channel] = Field(min_length=1)
    budget_amount: float = Field(gt=0)
    control_ratio: float = Field(gt=0, le=0.5)
    seed: int = 7
    expected: Expected

    @model_validator(mode="after")
    def _holds_together(self) -> CampaignFile:
        if self.audience is None and self.segment is None:
            raise ValueError("audience or segment is needed")
        if self.end_date < self.start_date:
            raise ValueError("end_date is before start_date")
        run_days = (self.end_date - self.start_date).days + 1
        if run_days < self.contact_days:
            raise ValueError(f"{self.contact_days} contact_days in {run_days} days")
        return self


def read_campaign(path: Path) -> CampaignFile:
    """Return the campaign of a file.

    Raises:
        SettingsError: It cannot be read, has unknown keys, or a value does not fit.
    """
    try:
        raw = yaml.safe_load(path.read_text(encoding="utf-8"))
    except (OSError, UnicodeDecodeError, yaml.YAMLError) as error:
        line = " ".join(str(error).split())
        raise SettingsError(str(path), f"cannot be read: {line}") from None
    if not isinstance(raw, dict):
        raise SettingsError(str(path), "is no campaign", expected="keys and values")
    unknown = unknown_keys(raw, CampaignFile)
    if unknown:
        raise SettingsError(str(path), "; ".join(unknown))
    try:
        return CampaignFile.model_validate(raw)
    except ValidationError as error:
        problems = "; ".join(
            f"{'.'.join(map(str, e['loc'])) or 'campaign'}: {e['msg']}"
            for e in error.errors(include_url=False)
        )
        raise SettingsError(str(path), problems) from None
