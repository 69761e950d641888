"""Large catalogues are decomposed by iteration, and it gives what the whole decomposition gives."""

import numpy as np
import pytest
from scipy.sparse import csr_array

from gateway.catalog import low_rank
from gateway.catalog.low_rank import Product, leading_eigenvectors, truncated_logarithm

FLOOR = 0.01


def counts(seed: int, items: int = 40) -> csr_array:
    random = np.random.default_rng(seed)
    return csr_array(np.where(random.random((items, items)) < 0.2, random.random((items, items)), 0.0))


@pytest.mark.parametrize("seed", range(3))
def test_an_iteration_finds_the_dimensions_of_the_whole_decomposition(
    monkeypatch: pytest.MonkeyPatch, seed: int
) -> None:
    every = range(40)
    exact = truncated_logarithm(counts(seed), FLOOR, 5).block(every, every)
    monkeypatch.setattr(low_rank, "EXACT_ITEMS", 10)
    assert truncated_logarithm(counts(seed), FLOOR, 5).block(every, every) == pytest.approx(exact, abs=1e-6)


def test_without_any_count_all_pairs_have_the_logarithm_of_the_floor() -> None:
    found = truncated_logarithm(csr_array((30, 30)), FLOOR, 4)
    assert found.block(range(30), range(30)) == pytest.approx(np.full((30, 30), np.log(FLOOR)))


def test_rows_and_blocks_of_a_product_are_those_of_the_matrix() -> None:
    product = Product(np.array([[1.0], [2.0]]), np.array([[3.0, 4.0]]))
    assert product.rows([1]).tolist() == [[6.0, 8.0]]
    assert product.block([1, 0], [1]).tolist() == [[8.0], [4.0]]


def test_leading_eigenvectors_give_back_what_they_are_of(monkeypatch: pytest.MonkeyPatch) -> None:
    matrix = counts(1)
    symmetric = csr_array(matrix + matrix.T)
    values, basis = leading_eigenvectors(symmetric, 6)
    largest = sorted(np.abs(values))[-6:]
    monkeypatch.setattr(low_rank, "EXACT_ITEMS", 10)
    found, _ = leading_eigenvectors(symmetric, 6)
    assert sorted(np.abs(found)) == pytest.approx(largest)
    assert basis @ np.diag(values) @ basis.T == pytest.approx(symmetric.toarray(), abs=1e-9)
