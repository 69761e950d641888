"""The contract of every Scorer: the verified version's logits, each to its own pair."""

from collections.abc import AsyncIterator
from pathlib import Path

import numpy as np
import pytest

from gateway.domain.budget import Budget
from gateway.domain.errors import DeadlineTooShort, ModelUnavailable
from gateway.domain.values import EncodedPair, ModelIdentity
from gateway.ports import Scorer, ServedModel
from gateway.scoring.triton import TritonConnection
from gateway.scoring.verification import VerificationPlan
from gateway.scoring.verified_model import open_verified
from tests.fakes.scorers import FakeScorer
from tests.fakes.specs import small_bundle
from tests.gateway.scoring.verification_rig import Rig
from tests.paths import MODEL_REPOSITORY

MODEL = "cross_encoder"


@pytest.fixture
def fake(tmp_path: Path) -> Scorer:
    bundle = small_bundle(tmp_path)
    return FakeScorer(ServedModel(ModelIdentity(MODEL, "1", bundle.fingerprint), bundle))


@pytest.fixture
async def scripted(tmp_path: Path) -> Scorer:
    """The real scorer over scripted connections."""
    rig = Rig(tmp_path, "1")
    await rig.verification.verify_all()
    return rig.scorer


@pytest.fixture
async def shipped(triton: str) -> AsyncIterator[Scorer]:
    """The model that ships, on a real Triton."""
    connection = TritonConnection(triton)
    plan = VerificationPlan(MODEL, MODEL_REPOSITORY / MODEL, interval_s=3600.0, timeout_s=60.0, patience_s=60.0)
    async with open_verified([connection], plan) as model:
        yield model.scorer
    await connection.close()


@pytest.fixture(params=["fake", "scripted", pytest.param("shipped", marks=pytest.mark.whole)])
def scorer(request: pytest.FixtureRequest) -> Scorer:
    """The scorer under contract, verified."""
    found: Scorer = request.getfixturevalue(request.param)
    return found


def golden(scorer: Scorer) -> tuple[ServedModel, list[EncodedPair], list[float], float]:
    """The current version, its golden pairs with their logits, and how far an answer may lie from them."""
    model = scorer.current()
    expected = model.bundle.golden
    pairs = expected.encode(model.bundle.encoder)
    return model, pairs, [pair.logit for pair in expected.pairs], expected.tolerance


async def test_the_current_version_is_that_of_its_encoding(scorer: Scorer) -> None:
    model = scorer.current()
    assert (model.identity.name, model.identity.fingerprint) == (MODEL, model.bundle.fingerprint)


async def test_there_is_one_number_a_pair_and_golden_pairs_have_their_golden_logits(scorer: Scorer) -> None:
    model, pairs, logits, tolerance = golden(scorer)
    found = await scorer.score(model, pairs, Budget(60))
    assert found.shape == (len(pairs),)
    assert found.dtype == np.float32
    assert found.tolist() == pytest.approx(logits, abs=tolerance)


async def test_logits_stay_with_their_pairs_in_any_order_and_alone(scorer: Scorer) -> None:
    model, pairs, logits, tolerance = golden(scorer)
    backwards = await scorer.score(model, pairs[::-1], Budget(60))
    assert backwards.tolist() == pytest.approx(logits[::-1], abs=tolerance)
    alone = await scorer.score(model, pairs[1:2], Budget(60))
    assert alone.tolist() == pytest.approx(logits[1:2], abs=tolerance)


async def test_no_pair_has_no_logit(scorer: Scorer) -> None:
    assert (await scorer.score(scorer.current(), [], Budget(60))).shape == (0,)


async def test_without_time_there_is_no_logit(scorer: Scorer) -> None:
    model, pairs, _, _ = golden(scorer)
    with pytest.raises(DeadlineTooShort):
        await scorer.score(model, pairs, Budget(0))


def test_before_the_first_verification_there_is_no_version(tmp_path: Path) -> None:
    unverified: list[Scorer] = [FakeScorer(None), Rig(tmp_path, "1").scorer]
    for scorer in unverified:
        with pytest.raises(ModelUnavailable):
            scorer.current()
