"""What the settings make of the server and of its pipeline."""

from pathlib import Path

import pytest

from gateway.app import build_pipeline, server_settings
from gateway.domain.values import CandidateOptions, Context, RankingOptions
from gateway.settings import read_settings
from tests.gateway.rig import Rig, call


@pytest.mark.parametrize(("processes", "shares"), [("1", False), ("2", True)])
def test_only_one_of_several_gateways_shares_its_port(processes: str, shares: bool) -> None:
    assert server_settings(read_settings({"CROSSRANK_PROCESSES": processes})).shares_port is shares


@pytest.mark.parametrize(("reading", "reads"), [("auto", True), ("always", True), ("never", False)])
async def test_settings_say_whether_the_cross_encoder_reads(tmp_path: Path, reading: str, reads: bool) -> None:
    rig = Rig(tmp_path)
    pipeline = build_pipeline(read_settings({"CROSSRANK_READING": reading}), rig.parts)
    await pipeline.recommend(Context(user_id="u1"), CandidateOptions(), RankingOptions(), call())
    assert bool(rig.scorer.requests) is reads
