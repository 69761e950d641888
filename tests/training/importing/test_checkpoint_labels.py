"""Two labels become one logit: the difference, whose sigmoid is the softmax's share of the relevant label."""

from pathlib import Path

import pytest
import torch
from transformers import AutoModelForSequenceClassification

from tests.training.importing.checkpoints import FAMILIES, save_checkpoint
from tests.training.importing.conftest import open_folder
from training.importing.card import Exactness, write_card
from training.importing.text import PairText

EXACT = Exactness("fp32", 40, "first token", 1e-6, 1e-6)


@pytest.mark.parametrize("positive", [0, 1])
@pytest.mark.parametrize("family", FAMILIES)
def test_the_logit_is_the_difference_of_both(tmp_path: Path, family: str, positive: int) -> None:
    folder = save_checkpoint(tmp_path / "tiny", family, labels=2)
    both = AutoModelForSequenceClassification.from_pretrained(folder).eval()
    folded = open_folder(folder, positive).model
    token_ids = torch.randint(5, 300, (4, 17), generator=torch.Generator().manual_seed(6))
    with torch.inference_mode():
        logits_b2, logit_b1 = both(input_ids=token_ids).logits, folded(input_ids=token_ids).logits
    assert folded.config.num_labels == 1
    assert logit_b1.shape == (4, 1)
    torch.testing.assert_close(logit_b1[:, 0], logits_b2[:, positive] - logits_b2[:, 1 - positive])
    torch.testing.assert_close(torch.sigmoid(logit_b1[:, 0]), torch.softmax(logits_b2, dim=1)[:, positive])


def test_the_other_label_turns_the_order_round_and_the_card_says_which_was_taken(tmp_path: Path) -> None:
    folder = save_checkpoint(tmp_path / "tiny", "bert", labels=2)
    one, other = open_folder(folder, 0), open_folder(folder, 1)
    token_ids = torch.randint(5, 300, (6, 9), generator=torch.Generator().manual_seed(7))
    with torch.inference_mode():
        logits = [checkpoint.model(input_ids=token_ids).logits for checkpoint in (one, other)]
    torch.testing.assert_close(logits[0], -logits[1])
    spec = PairText(fields=("title",)).spec("tiny")
    assert "the logit is that of label 1 less the other's" in write_card(other, spec, EXACT)
    assert "the logit is that of label 0" in write_card(one, spec, EXACT)


def test_the_card_warns_of_scores_that_are_no_probabilities_and_of_an_unknown_licence(tmp_path: Path) -> None:
    folder = save_checkpoint(
        tmp_path / "tiny", "bert", sentence_transformers={"activation_fn": "torch.nn.modules.linear.Identity"}
    )
    (folder / "README.md").unlink()
    card = write_card(open_folder(folder), PairText(fields=("title", "brand")).spec("tiny"), EXACT)
    assert "no calibrated probability" in card
    assert "states none" in card
    assert "title, brand" in card
