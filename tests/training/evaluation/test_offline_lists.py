"""Offline lists scored by a run's graph say what the model says, and rank as the gateway would."""

from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import torch
from transformers import AutoModelForSequenceClassification

from gateway.encoding.pair_encoder import PairEncoder
from gateway.encoding.tokenizer import open_tokenizer
from gateway.ranker.fused_score import LOGIT_FUSION
from tests.training.popular_lists import popular_lists
from tests.training.release.gate.tiny_release import TinyRelease
from training.evaluation import offline_lists
from training.evaluation.offline_lists import ListScorer, ranked_by, score_lists
from training.lists.candidate_list import CandidateList
from training.lists.served import BLEND
from training.model.cross_encoder import tokenizer_path
from training.model.pair_table import PairTable, context_key, padded
from training.protocol.dataset import Phase
from training.ranker.lists import scored_lists
from training.release.release import Release


@pytest.fixture(scope="module")
def tiny(tmp_path_factory: pytest.TempPathFactory) -> TinyRelease:
    return TinyRelease.make(tmp_path_factory.mktemp("tiny"))


@pytest.fixture(scope="module")
def lists(tiny: TinyRelease) -> list[CandidateList]:
    return popular_lists(tiny.dataset, Phase.TEST)[:12]


@pytest.fixture(scope="module")
def encoder(tiny: TinyRelease) -> PairEncoder:
    return PairEncoder(tiny.config.encoding(), open_tokenizer(tokenizer_path(tiny.config.base_model)))


@pytest.fixture
def scorer(tiny: TinyRelease, encoder: PairEncoder) -> ListScorer:
    graph = Release(tiny.config, tiny.dataset, tiny.run).graph
    return ListScorer(graph, encoder, tiny.dataset.fields)


def test_logits_are_those_of_the_trained_model_up_to_int8(
    tiny: TinyRelease, lists: list[CandidateList], encoder: PairEncoder, scorer: ListScorer
) -> None:
    model = AutoModelForSequenceClassification.from_pretrained(tiny.run.model).eval()
    table = PairTable(encoder, tiny.dataset.fields)
    for one in lists[:4]:
        pairs = [table.encode(context_key(one.history), candidate.item_id) for candidate in one.candidates]
        inputs = {name: torch.from_numpy(values) for name, values in padded(pairs).items()}
        with torch.no_grad():
            expected = model(**inputs).logits[:, 0].numpy()
        found = np.array(scorer.score(one))
        assert np.abs(found - expected).max() < 0.15 * max(float(expected.std()), 0.1)
        assert np.corrcoef(found, expected)[0, 1] > 0.98


def test_batches_change_no_logit(lists: list[CandidateList], scorer: ListScorer) -> None:
    one = lists[0]
    whole = scorer.score(one)
    alone = [
        scorer.score(CandidateList(one.user_id, one.history, one.targets, (candidate,)))[0]
        for candidate in one.candidates
    ]
    assert whole == pytest.approx(alone, abs=1e-4)


def test_a_second_time_the_logits_are_read_and_not_computed(
    lists: list[CandidateList], scorer: ListScorer, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    done: list[int] = []
    first = score_lists(lists, scorer, tmp_path / "logits.npz", done.append)
    assert sum(done) == len(lists)
    monkeypatch.setattr(scorer, "score", lambda one: pytest.fail("computed again"))
    assert score_lists(lists, scorer, tmp_path / "logits.npz", done.append) == first


def test_scoring_that_was_stopped_goes_on_behind_the_lists_that_were_kept(
    lists: list[CandidateList], scorer: ListScorer, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(offline_lists, "KEPT_LISTS", 5)
    cache, score, asked = tmp_path / "logits.npz", scorer.score, list[str]()

    def stops_at_the_ninth(one: CandidateList) -> tuple[float, ...]:
        if one.user_id == lists[8].user_id:
            raise KeyboardInterrupt
        return score(one)

    monkeypatch.setattr(scorer, "score", stops_at_the_ninth)
    with pytest.raises(KeyboardInterrupt):
        score_lists(lists, scorer, cache, lambda done: None)

    def watched(one: CandidateList) -> tuple[float, ...]:
        asked.append(one.user_id)
        return score(one)

    monkeypatch.setattr(scorer, "score", watched)
    found = score_lists(lists, scorer, cache, lambda done: None)
    assert sorted(asked) == sorted(one.user_id for one in lists[5:])
    assert [one.logits for one in found] == [pytest.approx(score(one)) for one in lists]


def test_kept_logits_are_used_for_no_other_list(lists: list[CandidateList], scorer: ListScorer, tmp_path: Path) -> None:
    """As many lists of the same users, with the candidates the other way round."""
    cache = tmp_path / "logits.npz"
    score_lists(lists, scorer, cache, lambda done: None)
    turned = [replace(one, candidates=one.candidates[::-1]) for one in lists]
    done: list[int] = []
    again = score_lists(turned, scorer, cache, done.append)
    assert sum(done) == len(lists)
    assert again[0].logits == pytest.approx(scorer.score(turned[0]))


def test_scored_lists_keep_every_source_and_the_fused_order(
    lists: list[CandidateList], scorer: ListScorer, tmp_path: Path
) -> None:
    served = score_lists(lists, scorer, tmp_path / "logits.npz", lambda done: None)
    for one, before in zip(served, lists, strict=True):
        assert set(one.by_source) == {"popular", BLEND}
        assert one.by_source[BLEND] == tuple(candidate.item_id for candidate in before.candidates)
        best = before.candidates[int(np.argmax(one.logits))].item_id
        assert one.ranked[0] == best


def test_a_fused_score_ranks_offline_lists_as_the_gateway_would(
    tiny: TinyRelease, lists: list[CandidateList], scorer: ListScorer, tmp_path: Path
) -> None:
    served = score_lists(lists, scorer, tmp_path / "logits.npz", lambda done: None)
    ranked = ranked_by(LOGIT_FUSION, served, scored_lists(served, tiny.dataset, Phase.TEST))
    assert [one.ranked for one in ranked] == [one.ranked for one in served]
