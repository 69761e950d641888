"""The trees that ship for catalogues nobody has seen; DEFAULT.md beside this file says what they were fitted on. Knows
no catalogue."""

from functools import cache
from importlib.resources import files

from gateway.ranker.fitted import parse_ranker
from gateway.ranker.fused_score import Fusion
from gateway.ranker.spec import SpecInvalid

FILE = "default_ranker.json"


@cache
def default_trees() -> Fusion:
    """They read no logit, no field's and no source's name. Raises SpecInvalid where the installed file is broken."""
    trees = parse_ranker(files("gateway.ranker").joinpath(FILE).read_text(encoding="utf-8")).trees
    if trees is None:
        raise SpecInvalid(f"{FILE} has no trees; install the package again")
    return trees
