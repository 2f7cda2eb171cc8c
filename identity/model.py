"""What decides who is who: the linkage model, a versioned artefact, and the rules."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any

from identity.decisions import Decision
from ingestion.artefacts import digest_of, write_json
from ingestion.errors import SettingsError

DEFAULT_MODEL = Path(__file__).with_name("models") / "default.json"


@dataclass(frozen=True)
class LinkageModel:
    """What scores pairs and judges scores; a model is never changed, only replaced.

    Weights are log2 of the odds that a pair is one person. At `link_weight` or above a
    pair is linked, from `review_weight` on it is asked. `vetoes` name what no score
    outweighs. `term_frequencies` are shares
    of the records that the model was trained on; a name that is not among them counts
    as any other. `training` says on what it was trained and how that went.
    """

    splink: Mapping[str, Any]
    link_weight: float
    review_weight: float
    vetoes: Sequence[str]
    term_frequencies: Mapping[str, float] = field(default_factory=dict)
    training: Mapping[str, Any] = field(default_factory=dict)

    @property
    def version(self) -> str:
        """A digest of all that a score depends on."""
        return digest_of({k: v for k, v in asdict(self).items() if k != "training"})

    def save(self, path: Path) -> None:
        """Write the artefact, whole or not at all."""
        write_json(path, asdict(self))


def load_model(path: Path = DEFAULT_MODEL) -> LinkageModel:
    """Return the model of a file.

    Raises:
        SettingsError: The file is missing or not a model.
    """
    try:
        return LinkageModel(**json.loads(path.read_text(encoding="utf-8")))
    except (OSError, ValueError, TypeError) as error:
        raise SettingsError(
            str(path), f"is no linkage model: {error}", remedy="passbook identity train"
        ) from None


@dataclass(frozen=True)
class Rules:
    """What decides who is who, besides the records: model, decisions, code.

    `code` names the version of the code: where it or the model is another than last
    night's, every record is resolved again.
    """

    model: LinkageModel
    decisions: tuple[Decision, ...] = ()
    code: str = ""
    is_full: bool = False

    @property
    def version(self) -> str:
        """A digest of the model and of the decisions in force."""
        text = repr((self.model.version, self.decisions))
        return hashlib.sha256(text.encode()).hexdigest()[:12]
