"""Vectors of items' texts."""

import numpy as np
import pytest

from training.data.tables import ItemRow
from training.first_stage import text
from training.first_stage.text import item_vectors


def test_items_of_the_same_text_are_embedded_once(monkeypatch: pytest.MonkeyPatch) -> None:
    asked = []

    def embed(texts: list[str]) -> np.ndarray[tuple[int, int], np.dtype[np.float32]]:
        asked.append(texts)
        return np.arange(len(texts), dtype=np.float32)[:, None].repeat(2, axis=1)

    monkeypatch.setattr(text, "embed", embed)
    items = [ItemRow(str(place), {"title": title}) for place, title in enumerate(("soup", "bread", "soup"))]
    assert item_vectors(items)[:, 0].tolist() == [1.0, 0.0, 1.0]
    assert asked == [["bread", "soup"]]
