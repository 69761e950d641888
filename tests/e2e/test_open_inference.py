"""Triton's own client against the whole stack: the façade orders by the logits that the gateway's API gives."""

import json
from collections.abc import Sequence

import numpy as np
import pytest
from tritonclient.grpc import InferenceServerClient, InferInput

from crossrank_client import Candidate, CrossrankClient, Query, RankingOptions, Reading
from deploy.local.stack import LocalStack

FILMS = [{"title": f"The {word} Harbor", "year": "1971", "genres": "Drama"} for word in "Frozen Golden Silent".split()]


def texts(name: str, values: Sequence[str]) -> InferInput:
    tensor = InferInput(name, [len(values)], "BYTES")
    tensor.set_data_from_numpy(np.array([value.encode() for value in values], np.object_))
    return tensor


async def test_a_triton_client_gets_the_logits_of_the_gateways_own_api_and_their_order(stack: LocalStack) -> None:
    client = InferenceServerClient(stack.status().part("gateway").url)
    assert client.is_model_ready("cross_encoder")
    inputs = [texts("context", ["frozen harbor"]), texts("items", [json.dumps(film) for film in FILMS])]
    answer = client.infer("cross_encoder", inputs, client_timeout=5.0)
    async with CrossrankClient(stack.status().part("gateway").url, timeout_s=5.0) as own:
        candidates = [Candidate(str(place), film) for place, film in enumerate(FILMS)]
        ranked = await own.rerank(
            Query("frozen harbor"), candidates, options=RankingOptions(top_n=3, reading=Reading.ALWAYS)
        )
    by_place = {int(item.item_id): item for item in ranked.items}
    assert answer.as_numpy("logit").tolist() == pytest.approx([by_place[place].logit for place in range(3)])
    scores, ranks = answer.as_numpy("score"), answer.as_numpy("rank")
    assert np.isfinite(scores).all()
    assert np.argsort(ranks).tolist() == np.argsort(-scores, kind="stable").tolist()
    facts = answer.get_response().parameters
    assert facts["encoding_fingerprint"].string_param == ranked.metadata.encoding_fingerprint
    assert facts["attribution_token"].string_param
    assert not facts["degraded"].string_param
    (tally,) = client.get_inference_statistics("cross_encoder").model_stats
    assert tally.inference_stats.success.count >= 1
    client.close()
