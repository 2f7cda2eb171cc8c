"""The attrition forecast in use: a versioned artefact that the models score by."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any

from ingestion.artefacts import digest_of, write_json
from ingestion.errors import SettingsError


@dataclass(frozen=True)
class Feature:
    """What one feature adds to the logarithm of the odds.

    It is `coefficient * (value - mean_value) / scale_value`.
    """

    feature_code: str
    mean_value: float
    scale_value: float
    coefficient: float


@dataclass(frozen=True)
class AttritionModel:
    """What forecasts attrition; a model is never changed, only replaced.

    The chance is that of being lost within `horizon_months` (mart.attrition_months). At
    `alarm_probability` or above the signal is raised.
    `training` says on what it was fitted and how it was judged.
    """

    features: tuple[Feature, ...]
    intercept: float
    alarm_probability: float
    horizon_months: int
    training: Mapping[str, Any] = field(default_factory=dict)

    @property
    def version(self) -> str:
        """A digest of all that a score depends on."""
        return digest_of({k: v for k, v in asdict(self).items() if k != "training"})

    def save(self, path: Path) -> None:
        """Write the artefact, whole or not at all."""
        write_json(path, asdict(self))


def load_attrition_model(path: Path) -> AttritionModel:
    """Return the model of a file.

    Raises:
        SettingsError: The file is missing or not a model.
    """
    try:
        content = json.loads(path.read_text(encoding="utf-8"))
        features = tuple(Feature(**f) for f in content.pop("features"))
        return AttritionModel(features, **content)
    except (OSError, ValueError, TypeError, KeyError) as error:
        raise SettingsError(
            str(path),
            f"is no attrition model: {error}",
            remedy="Run: passbook attrition train",
        ) from None
