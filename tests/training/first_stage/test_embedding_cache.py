"""Vectors of a catalogue are computed once, and never served to other texts."""

from collections.abc import Sequence
from pathlib import Path

import numpy as np
import pytest

from training.first_stage.embedding_cache import cached_embeddings
from training.first_stage.training_interactions import Scores


class Lengths:
    """A vector of each text's length; counts how often it is asked."""

    def __init__(self) -> None:
        self.asked = 0

    def __call__(self, texts: Sequence[str]) -> Scores:
        self.asked += 1
        return np.array([[len(text)] for text in texts], np.float32)


def test_the_same_texts_are_embedded_once_across_commands(tmp_path: Path) -> None:
    lengths = Lengths()
    first = cached_embeddings(tmp_path / "run", lengths)(["a", "bc"])
    again = cached_embeddings(tmp_path / "run", lengths)(["a", "bc"])
    assert lengths.asked == 1
    np.testing.assert_array_equal(first, again)
    assert again.dtype == np.float32


@pytest.mark.parametrize("other", [["bc", "a"], ["ab", "c"], ["a"], ["a", "bc", ""]])
def test_other_texts_get_vectors_of_their_own(tmp_path: Path, other: list[str]) -> None:
    lengths = Lengths()
    kept = cached_embeddings(tmp_path, lengths)
    kept(["a", "bc"])
    assert kept(other)[:, 0].tolist() == [len(text) for text in other]
    assert lengths.asked == 2


def test_a_fit_that_was_stopped_while_it_embedded_leaves_nothing(tmp_path: Path) -> None:
    def stopped(texts: Sequence[str]) -> Scores:
        raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        cached_embeddings(tmp_path, stopped)(["a"])
    assert not list(tmp_path.iterdir())
