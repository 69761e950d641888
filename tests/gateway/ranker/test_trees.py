"""Trees answer as LightGBM itself does, to the last bit; a file that is not what it claims is refused."""

import re
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor

import lightgbm
import numpy as np
import pytest

from gateway.ranker.features import Matrix
from gateway.ranker.spec import SpecInvalid
from gateway.ranker.trees import ROWS_AT_ONCE, Trees, file_name_of, read_trees
from training.ranker.lambdamart import join

NAMES = ("logit", "recency:authors", "sequel:series/volume", "count:my field")
ROWS = 1500


def rows(seed: int, count: int = ROWS) -> Matrix:
    """Numbers with many ties and zeros, as features have; the first column is continuous."""
    random = np.random.default_rng(seed)
    matrix: Matrix = np.round(random.normal(size=(count, len(NAMES))), 1)
    matrix[:, 0] = random.normal(size=count)
    return matrix


def some_missing(matrix: Matrix, seed: int, columns: Sequence[int] = (1, 2)) -> Matrix:
    """A third of these columns is NaN."""
    holes = np.random.default_rng(1000 + seed).random((len(matrix), len(columns))) < 1 / 3
    found = matrix.copy()
    found[:, list(columns)] = np.where(holes, np.nan, found[:, list(columns)])
    return found


def model(seed: int, trees: int = 40, leaves: int = 15, *, missing: bool = False) -> str:
    """A booster's text; with ``missing`` some columns have holes, and what is missing tells something."""
    matrix = rows(seed)
    labels = (matrix[:, 0] + matrix[:, 1] * matrix[:, 2] + matrix[:, 3] > 1).astype(float)
    parameters = {
        "objective": "lambdarank", "num_leaves": leaves, "verbosity": -1, "num_threads": 1, "seed": seed,
        "use_missing": missing, "min_data_in_leaf": 5,
    }  # fmt: skip
    if missing:
        matrix = some_missing(matrix, seed)
        told = np.isnan(matrix[:, 1]) & (matrix[:, 3] > 0) | ~np.isnan(matrix[:, 2]) & (matrix[:, 0] < 0)
        labels = np.where(told, 1.0, labels)
    names = [file_name_of(name) for name in NAMES]
    data = lightgbm.Dataset(matrix, labels, group=[30] * (ROWS // 30), feature_name=names)
    return str(lightgbm.train(parameters, data, num_boost_round=trees).model_to_string())


@pytest.fixture(scope="module")
def text() -> str:
    return join([model(1)])


@pytest.fixture(scope="module")
def trees(text: str) -> Trees:
    return read_trees(text)


@pytest.mark.parametrize("leaves", [2, 3, 31])
def test_sums_equal_those_of_lightgbm_to_the_last_bit(leaves: int) -> None:
    text = model(2, leaves=leaves)
    matrix = np.concatenate([rows(3), rows(2), np.zeros((1, len(NAMES)))])
    expected = lightgbm.Booster(model_str=text).predict(matrix, num_threads=1)
    assert np.array_equal(read_trees(text).sums(matrix), expected)


@pytest.mark.parametrize("leaves", [2, 3, 31])
@pytest.mark.parametrize("seed", [11, 12])
def test_missing_values_go_where_lightgbm_sends_them(leaves: int, seed: int) -> None:
    text = model(seed, leaves=leaves, missing=True)
    decisions = {one for line in re.findall(r"decision_type=(.*)", text) for one in line.split()}
    assert decisions >= {"8", "10"} or leaves == 2, "some nodes send what is missing to the left, some to the right"
    everywhere = some_missing(rows(seed + 1), seed, columns=range(len(NAMES)))
    matrix = np.concatenate([everywhere, rows(seed), np.full((1, len(NAMES)), np.nan)])
    expected = lightgbm.Booster(model_str=text).predict(matrix, num_threads=1)
    assert np.array_equal(read_trees(text).sums(matrix), expected)


def test_trees_that_never_met_a_missing_value_take_it_for_zero_as_lightgbm_does(trees: Trees) -> None:
    matrix = some_missing(rows(13), 13, columns=range(len(NAMES)))
    expected = lightgbm.Booster(model_str=trees.text).predict(matrix, num_threads=1)
    assert np.array_equal(trees.sums(matrix), expected)
    assert np.array_equal(trees.sums(np.nan_to_num(matrix)), expected)


def test_joined_models_send_missing_values_where_each_of_them_does() -> None:
    texts = [model(14, trees=10, missing=True), model(15, trees=10), model(16, trees=10, missing=True)]
    joined, matrix = join(texts), some_missing(rows(17, 200), 17, columns=range(len(NAMES)))
    apart = sum(np.asarray(lightgbm.Booster(model_str=one).predict(matrix)) for one in texts)
    assert read_trees(joined).sums(matrix) == pytest.approx(apart, abs=1e-12)
    assert np.array_equal(read_trees(joined).sums(matrix), lightgbm.Booster(model_str=joined).predict(matrix))


def test_a_missing_value_in_one_row_changes_no_other_row() -> None:
    trees, matrix = read_trees(model(18, missing=True)), rows(19, 50)
    holed = matrix.copy()
    holed[7, 1] = np.nan
    others = np.arange(50) != 7
    assert np.array_equal(trees.sums(holed)[others], trees.sums(matrix)[others])


def test_at_a_threshold_of_infinity_only_what_is_missing_goes_right() -> None:
    """LightGBM writes one where being missing tells all."""
    matrix = np.arange(400.0)[:, None]
    data = lightgbm.Dataset(matrix, (matrix[:, 0] > 200).astype(float), feature_name=["cold"])
    text = str(lightgbm.train({"num_leaves": 2, "verbosity": -1}, data, num_boost_round=1).model_to_string())
    text = re.sub(r"decision_type=\d+", "decision_type=8", re.sub(r"threshold=\S+", "threshold=inf", text))
    left, right = read_trees(text).nodes.values[1:]
    sums = read_trees(text).sums(np.array([[0.5], [1e300], [-1.0], [np.nan]]))
    assert sums.tolist() == [left, left, left, right]


def test_a_threshold_belongs_to_the_left(trees: Trees) -> None:
    """Rows that stand exactly on a threshold, and as near to it as a double can."""
    inner = np.flatnonzero(trees.nodes.is_inner)
    matrix = np.repeat(rows(4, 1), 3 * len(inner), axis=0)
    for place, node in enumerate(inner):
        threshold = trees.nodes.thresholds[node]
        around = [np.nextafter(threshold, -np.inf), threshold, np.nextafter(threshold, np.inf)]
        matrix[3 * place : 3 * place + 3, trees.nodes.features[node]] = around
    expected = lightgbm.Booster(model_str=trees.text).predict(matrix, num_threads=1)
    assert np.array_equal(trees.sums(matrix), expected)


def test_joined_models_are_one_file_whose_value_is_their_sum() -> None:
    models, matrix = [model(seed, trees=10) for seed in (5, 6, 7)], rows(8, 200)
    joined = join(models)
    apart = sum(np.asarray(lightgbm.Booster(model_str=one).predict(matrix)) for one in models)
    assert read_trees(joined).sums(matrix) == pytest.approx(apart, abs=1e-12)
    assert np.array_equal(read_trees(joined).sums(matrix), lightgbm.Booster(model_str=joined).predict(matrix))
    assert len(joined) < 0.7 * sum(map(len, models))


def test_a_row_scores_the_same_alone_in_a_list_and_in_many_threads(trees: Trees) -> None:
    matrix = rows(9, 60)
    expected = trees.sums(matrix)
    assert np.array_equal(np.concatenate([trees.sums(row[None]) for row in matrix]), expected)
    with ThreadPoolExecutor(8) as threads:
        assert all(np.array_equal(one, expected) for one in threads.map(lambda _: trees.sums(matrix), range(40)))
    assert trees.sums(matrix[:0]).shape == (0,)


@pytest.mark.parametrize("count", [0, 1, ROWS_AT_ONCE, ROWS_AT_ONCE + 1, 2 * ROWS_AT_ONCE + 3])
def test_a_table_of_any_length_scores_as_its_rows_do(trees: Trees, count: int) -> None:
    matrix = rows(6, count)
    halves = [trees.sums(part) for part in (matrix[: count // 2], matrix[count // 2 :])]
    assert np.array_equal(trees.sums(matrix), np.concatenate(halves))


def test_names_survive_what_the_file_allows_in_names(trees: Trees) -> None:
    assert trees.features == NAMES
    assert file_name_of("recency:à, [b]{c}") == "recency%3A%C3%A0%2C%20%5Bb%5D%7Bc%7D"


def test_a_tree_of_one_leaf_is_a_constant(text: str) -> None:
    stump = "Tree=0\nnum_leaves=1\nnum_cat=0\nsplit_feature=\nthreshold=\ndecision_type=\nleft_child=\nright_child=\n"
    header, end = text.partition("\nTree=0")[0], "\n\nend of trees\n"
    constant = read_trees(f"{header}\n{stump}leaf_value=0.25\n{end}")
    assert constant.sums(rows(1, 3)).tolist() == [0.25] * 3


@pytest.mark.parametrize(
    ("found", "put", "told"),
    [
        ("tree\nversion", "forest\nversion", "no whole LightGBM model"),
        ("end of trees", "", "no whole LightGBM model"),
        ("version=v4", "version=v9", "version is 'v9'; this gateway reads 'v4'"),
        ("num_class=1", "num_class=3", "num_class is '3'"),
        ("num_cat=0", "num_cat=1", "tree 0 cannot be read: it has categories"),
        ("decision_type=2", "decision_type=6", "tree 0 cannot be read: it takes 0 for missing"),
        ("decision_type=2", "decision_type=1", "tree 0 cannot be read: it takes 0 for missing"),
        ("left_child=1", "left_child=0", "tree 0 cannot be read: its nodes do not form a tree"),
        ("split_feature=", "split_feature=7 ", "tree 0 cannot be read: 15 values where 14 belong"),
        ("threshold=", "threshold=nan", "tree 0 cannot be read"),
        ("leaf_value=", "leaf_value=inf ", "tree 0 cannot be read"),
        ("leaf_value=", "leaf_values=", "tree 0 cannot be read: 'leaf_value'"),
    ],
)
def test_a_broken_file_is_refused_with_what_is_wrong(text: str, found: str, put: str, told: str) -> None:
    assert found in text
    with pytest.raises(SpecInvalid, match=told):
        read_trees(text.replace(found, put, 1))


def test_nodes_in_a_circle_and_features_without_a_name_are_refused(text: str) -> None:
    nodes = "num_leaves=4\nnum_cat=0\nthreshold=0 0 0\ndecision_type=2 2 2\nleaf_value=1 2 3 4\n"
    start, end = text.partition("\nTree=0")[0] + f"\nTree=0\n{nodes}", "\n\nend of trees\n"
    circle = f"{start}split_feature=0 0 0\nleft_child=-1 2 1\nright_child=-2 -3 -4\n{end}"
    with pytest.raises(SpecInvalid, match="a node stands before its parent"):
        read_trees(circle)
    unnamed = f"{start}split_feature=0 4 0\nleft_child=1 2 -1\nright_child=-2 -3 -4\n{end}"
    with pytest.raises(SpecInvalid, match="beyond the 4 that are named"):
        read_trees(unnamed)


@pytest.mark.parametrize("seed", range(5))
def test_a_file_cut_anywhere_is_refused(text: str, seed: int) -> None:
    cut = int(np.random.default_rng(seed).integers(len(text) - len("end of trees")))
    with pytest.raises(SpecInvalid):
        read_trees(text[:cut])
