"""Finds keys of a document that its pydantic model does not know."""

from __future__ import annotations

import difflib
import typing
from typing import Any

from pydantic import BaseModel


def unknown_keys(value: Any, model: type[BaseModel], where: str = "") -> list[str]:
    """Return one line for each unknown key, with the nearest known one."""
    if not isinstance(value, dict):
        return []
    known = {(f.alias or name): f.annotation for name, f in model.model_fields.items()}
    found: list[str] = []
    for key, child in value.items():
        place = f"{where}.{key}" if where else str(key)
        if key not in known:
            found.append(_line(place, str(key), list(known)))
        else:
            found += _inside(child, known[key], place)
    return found


def _line(place: str, key: str, known: list[str]) -> str:
    near = difflib.get_close_matches(key, known, n=1, cutoff=0.5)
    hint = f" (did you mean {near[0]!r}?)" if near else ""
    return f"unknown key {place!r}{hint}"


def _inside(value: Any, annotation: Any, where: str) -> list[str]:
    model = _model_in(annotation)
    if model is None:
        return []
    if isinstance(value, list):
        return [
            line
            for index, item in enumerate(value)
            for line in unknown_keys(item, model, f"{where}[{_label(item, index)}]")
        ]
    if typing.get_origin(annotation) is dict:
        # The keys of a map are the document's own.
        return [
            line
            for key, item in (value.items() if isinstance(value, dict) else ())
            for line in unknown_keys(item, model, f"{where}.{key}")
        ]
    return unknown_keys(value, model, where)


def _label(item: Any, index: int) -> str:
    if isinstance(item, dict) and isinstance(item.get("name"), str):
        return str(item["name"])
    return str(index)


def _model_in(annotation: Any) -> type[BaseModel] | None:
    if isinstance(annotation, type) and issubclass(annotation, BaseModel):
        return annotation
    for inner in typing.get_args(annotation):
        model = _model_in(inner)
        if model is not None:
            return model
    return None
