"""A fusion is a spec and the trees that belong to it; what does not belong together is refused."""

from pathlib import Path

import numpy as np
import pytest

from gateway.domain.values import Candidate
from gateway.encoding.bundle import fingerprint_of, open_bundle, write_bundle
from gateway.ranker.features import FusionInput
from gateway.ranker.fused_score import LOGIT_FUSION, TREES_FILE, Fusion, open_fusion
from gateway.ranker.spec import LOGIT_ONLY, FusionTerm, SpecInvalid, TreeFusion
from gateway.ranker.trees import read_trees
from gateway.ranking.order import rank
from tests.fakes.specs import small_bundle, small_spec

# One tree by hand: a logit above 0.5 is worth 2, else 1 where the item is popular, else -1.
TEXT = """tree
version=v4
num_class=1
num_tree_per_iteration=1
feature_names=logit popularity
Tree=0
num_leaves=3
num_cat=0
split_feature=0 1
threshold=0.5 1.5
decision_type=2 2
left_child=1 -1
right_child=-2 -3
leaf_value=-1 2 1

end of trees
"""
SPEC = TreeFusion(("logit", "popularity"), slope=0.5, intercept=-1.0)
FUSION = Fusion(SPEC, read_trees(TEXT))


def candidates(names: str) -> list[Candidate]:
    return [Candidate(name, place, 1 / place) for place, name in enumerate(names, start=1)]


def test_the_margin_of_trees_is_their_sum_times_slope_plus_intercept() -> None:
    given = FusionInput(candidates("abc"), {"a": 0.5, "b": 0.6, "c": 0.0}, popularity={"a": 2, "c": 9})
    assert FUSION.margins(given).tolist() == [-1.5, 0.0, -0.5]
    assert LOGIT_FUSION.margins(given).tolist() == [0.5, 0.6, 0.0]


def test_terms_beside_the_trees_add_what_they_weigh() -> None:
    beside = TreeFusion(SPEC.tree_features, 0.5, -1.0, (FusionTerm("first_stage", 3.0, mean=0.5, scale=2.0),))
    given = FusionInput(candidates("abc"), {"a": 0.5, "b": 0.6, "c": 0.0}, popularity={"a": 2, "c": 9})
    assert beside.features == ("logit", "popularity", "first_stage")
    expected = [-1.5 + 3 * 0.5 / 2, 0.0, -0.5 + 3 * (1 / 3 - 0.5) / 2]
    assert Fusion(beside, read_trees(TEXT)).margins(given) == pytest.approx(expected)


def test_the_list_is_ordered_by_the_trees_and_ties_by_the_first_stage() -> None:
    given = FusionInput(candidates("abcd"), {"a": 0.0, "b": 9.0, "c": 0.7, "d": 0.1}, popularity={"d": 50})
    placed = rank(FUSION, given)
    assert "".join(one.candidate.item_id for one in placed) == "bcda"
    assert placed[0].score == placed[1].score == 0.5
    assert placed[0].logit == 9.0


def test_no_fusion_reads_a_list_without_scored_items() -> None:
    assert rank(FUSION, FusionInput([], {})) == []
    assert [one.score for one in rank(FUSION, FusionInput(candidates("ab"), {}))] == [None, None]


def test_trees_belong_to_a_spec_of_trees_with_the_same_features_in_the_same_order() -> None:
    trees = read_trees(TEXT)
    for spec, given in ((SPEC, None), (LOGIT_ONLY, trees)):
        with pytest.raises(SpecInvalid, match="one is missing or too much"):
            Fusion(spec, given)
    with pytest.raises(SpecInvalid, match="the trees read logit, popularity; the spec says popularity, logit"):
        Fusion(TreeFusion(("popularity", "logit"), 1.0, 0.0), trees)


def test_a_bundle_carries_its_trees_under_its_fingerprint(tmp_path: Path) -> None:
    plain = small_bundle(tmp_path / "plain")
    spec, tokenizer = small_spec(fusion=SPEC), tmp_path / "plain" / "encoding" / "tokenizer.json"
    bundle = write_bundle(tmp_path / "trees", spec, tokenizer, plain.golden, read_trees(TEXT))
    assert bundle.fusion == FUSION
    assert open_bundle(tmp_path / "trees").fingerprint == bundle.fingerprint
    file = tmp_path / "trees" / TREES_FILE
    file.write_text(TEXT.replace("leaf_value=-1", "leaf_value=-2"), encoding="utf-8")
    assert open_bundle(tmp_path / "trees").fingerprint != bundle.fingerprint
    file.unlink()
    assert fingerprint_of(tmp_path / "trees") != bundle.fingerprint
    with pytest.raises(SpecInvalid, match="'lambdamart' and its trees: one is missing"):
        open_bundle(tmp_path / "trees")


def test_trees_beside_a_linear_fusion_and_bytes_that_are_no_text_are_refused(tmp_path: Path) -> None:
    small_bundle(tmp_path)
    stray = tmp_path / "encoding" / TREES_FILE
    stray.write_text(TEXT, encoding="utf-8")
    with pytest.raises(SpecInvalid, match="'linear' and its trees"):
        open_bundle(tmp_path / "encoding")
    stray.write_bytes(b"\xff\xfe\x00")
    with pytest.raises(SpecInvalid, match=r"fusion\.txt is not text"):
        open_fusion(SPEC, stray)


def test_a_linear_fusion_scores_rows_in_the_order_of_its_terms() -> None:
    assert np.array_equal(LOGIT_FUSION.margins_of(np.array([[2.0], [-1.0]])), [2.0, -1.0])
