"""Ready-made choices of text for common products, with an example each: training/configs/presets. Knows no model."""

import tomllib
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from gateway.domain.history import History
from gateway.encoding.render import ContextFields, join_context, render_head, render_history, render_item
from gateway.encoding.spec import EncodingSpec
from training.errors import ConfigInvalid

PRESETS = Path(__file__).parents[1] / "configs" / "presets"
PRESET = "preset"
"""The key of [text] that names one."""


@dataclass(frozen=True, slots=True)
class Example:
    """Rows of an items table: ``history`` ids (oldest first) and a ``candidate`` id of them."""

    items: Mapping[str, Mapping[str, str]]
    history: Sequence[str]
    candidate: str

    def texts(self, spec: EncodingSpec) -> tuple[str, str]:
        """Context and item as the model reads them, before they are cut to their token budgets."""
        history = History(oldest_first=tuple(self.history)).map(self.items.__getitem__)
        context = ContextFields(history=history.newest_first)
        shown = list(render_history(spec.context, context).values())
        text = join_context(spec.context, render_head(spec.context, context), shown)
        return text, render_item(spec.item, self.items[self.candidate])


def preset_names() -> list[str]:
    """All, sorted."""
    return sorted(file.stem for file in PRESETS.glob("*.toml"))


def preset_text(name: str) -> dict[str, Any]:
    """The keys of [text] that a preset sets, as TextOptions has them. Raises ConfigInvalid for an unknown name."""
    text: Mapping[str, Any] = _read(name)["text"]
    return {key: tuple(value) if isinstance(value, list) else value for key, value in text.items()}


def preset_example(name: str) -> Example:
    """The documented example of a preset. Raises ConfigInvalid."""
    return Example(**_read(name)["example"])


def with_preset(text: Mapping[str, Any]) -> dict[str, Any]:
    """The keys of [text]: those of its ``preset``, if it names one, and over them its own. Raises ConfigInvalid."""
    own = {key: value for key, value in text.items() if key != PRESET}
    return {**preset_text(text[PRESET]), **own} if PRESET in text else own


def _read(name: str) -> dict[str, Any]:
    if name not in preset_names():
        raise ConfigInvalid(f"there is no preset {name!r}", f"use one of {', '.join(preset_names())}")
    return tomllib.loads((PRESETS / f"{name}.toml").read_text(encoding="utf-8"))
