"""Where the bank's files are, as the DAG and the embedded Airflow need to know it."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import timedelta
from pathlib import Path

from warehouse.settings import load_settings

REPOSITORY = Path(__file__).resolve().parent.parent
CONTRACT_SUFFIX = ".odcs.yaml"


@dataclass(frozen=True)
class NightSettings:
    """The settings that scheduling needs; everything else is the command's matter.

    `is_told`: whether somebody waits for a line about each night.
    `late_after`: how long after its beginning a scheduled night is late.
    """

    home: Path
    extracts: Path
    contracts: Path
    timezone: str
    airflow_database: str | None
    is_told: bool
    late_after: timedelta

    @property
    def airflow_home(self) -> Path:
        """The folder that holds all that Airflow writes."""
        return self.home / "airflow"

    @property
    def alerts(self) -> Path:
        """The file with one readable line for each thing that a person must look at."""
        return self.home / "logs" / "alerts.log"

    def channels(self) -> tuple[str, ...]:
        """The channels that have a contract, by name; only file names are read."""
        names = (path.name for path in self.contracts.glob(f"*{CONTRACT_SUFFIX}"))
        return tuple(sorted(name.removesuffix(CONTRACT_SUFFIX) for name in names))


def night_settings() -> NightSettings:
    """Return the settings of this process's environment."""
    settings = load_settings()
    return NightSettings(
        home=settings.home,
        extracts=settings.extracts,
        contracts=settings.contracts,
        timezone=settings.timezone,
        airflow_database=settings.airflow_database,
        is_told=bool(settings.webhook_url or settings.smtp_url),
        late_after=settings.late_after,
    )
