"""The trees that ship: small, readable, of no catalogue's names, and an item that nobody liked is not buried."""

from importlib.resources import files

from gateway.ranker.default_trees import FILE, default_trees


def test_the_file_is_less_than_a_megabyte_and_brings_trees_without_a_logit() -> None:
    assert len(files("gateway.ranker").joinpath(FILE).read_bytes()) < 1_000_000
    assert not default_trees().reads_logit
    assert default_trees() is default_trees()


def test_no_feature_bears_a_fields_or_a_sources_name() -> None:
    arguments = [name.partition(":")[2].partition("/")[0] for name in default_trees().spec.features]
    assert set(arguments) <= {"", "*", "*.words", "ease", "item_knn", "follows", "near", "next", "text"}
