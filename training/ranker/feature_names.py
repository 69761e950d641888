"""Which features a fusion gets when nobody names them: from the sources and the items' fields. Knows no values."""

import math
from collections.abc import Iterable, Mapping, Sequence

from gateway.ranker.features import LOGIT_FAMILY, feature_family
from gateway.ranker.fields import ANY, WORDS, parts_in, words_in
from gateway.ranker.signals import RELATIONS, SMOOTH, TEXT
from training.options.config import FusionOptions

LOGIT = ("logit",)

NEWEST = 5
"""Items of the history whose relations to a candidate are features of their own."""

NUMBERS_SHARE = 0.95
"""A field with as many numbers is one of numbers: the others are slips, and count as missing."""

_RARITY = ("rarity", "rarity_max", "rarity_last")
_OVERLAP = ("recency", "share", "count", "jaccard_last", "jaccard_mean", *_RARITY)
_WORDS = ("share", "jaccard_last", "jaccard_mean", *_RARITY)
_SHARED = (*(f"{kind}:{ANY}" for kind in _OVERLAP), *(f"{kind}:{ANY}{WORDS}" for kind in _WORDS))
_NUMBER = ("value", "gap", "gap_last")


def feature_names(
    options: FusionOptions, sources: Sequence[str], items: Iterable[Mapping[str, str]] = ()
) -> tuple[str, ...]:
    """The features that the options name, else all that fit the kind, and those to add; those of the logit first. A
    linear fusion gets the first stage's signals only; trees also popularity and what the items' fields have in common
    with the history."""
    if options.features:
        named = (*options.features, *options.more_features)
        logit = tuple(name for name in named if feature_family(name) == LOGIT_FAMILY) or LOGIT
        return tuple(dict.fromkeys((*logit, *named)))
    names = [*LOGIT, "first_stage"]
    names += [f"{kind}:{source}" for source in sources for kind in ("reciprocal_rank", "log_score")]
    if options.kind == "lambdamart":
        names += ["sources", "best_rank", "popularity", "history_length", *field_features(items)]
    return tuple(dict.fromkeys((*names, *options.more_features)))


def signal_features() -> tuple[str, ...]:
    """What trees read of any catalogue: relations to the history, popularity, and what all fields together share with
    it. They bear no field's and no source's name, so that trees of one catalogue can rank another's items, and lists
    that a caller brings have the same features as those that sources propose. Smooth relations are logarithms, of which
    no share can be told."""
    names = ["popularity", "popularity_order", "history_length", "cold"]
    for relation in RELATIONS:
        names += [f"relation_{kind}:{relation}" for kind in ("sum", "recent", "max", "order", "recent_order")]
        if relation not in SMOOTH:
            names += [f"relation_{kind}:{relation}" for kind in ("share", "recent_share", "max_share")]
        names += [f"relation_at:{relation}/{place}" for place in range(NEWEST)]
    return (*names, *_SHARED)


def default_features() -> tuple[str, ...]:
    """What trees for unseen catalogues read: weights and counts grow with a catalogue, so each stands relative to the
    list's largest and as a place in the list. Cosines of texts mean the same everywhere."""
    names = ["popularity_gap", "popularity_order", "history_length", "cold"]
    for relation in RELATIONS:
        names += [f"relation_{kind}:{relation}" for kind in ("order", "recent_order")]
        if relation not in SMOOTH:
            names += [f"relation_{kind}:{relation}" for kind in ("share", "recent_share", "max_share")]
            names += [f"relation_at_share:{relation}/{place}" for place in range(NEWEST)]
    names += [f"relation_{kind}:{TEXT}" for kind in ("sum", "recent", "max")]
    names += [f"relation_at:{TEXT}/{place}" for place in range(NEWEST)]
    return (*names, *_SHARED)


def own_features(items: Sequence[Mapping[str, str]]) -> tuple[str, ...]:
    """Those, and what each field of the team's items tells; with numbers of a series where fields tell of one."""
    names = [*signal_features(), *field_features(items)]
    fields = {name for fields in items for name in fields}
    names += [f"{kind}:series/volume" for kind in ("sequel", "series_step") if {"series", "volume"} <= fields]
    return tuple(names)


def field_features(items: Iterable[Mapping[str, str]]) -> list[str]:
    """Numbers for fields that hold hardly anything else. Of the others, values in common where items have any, and
    words where these are not the values."""
    texts: dict[str, list[str]] = {}
    for fields in items:
        for name, text in fields.items():
            texts.setdefault(name, []).append(text)
    names: list[str] = []
    for name in sorted(texts):
        filled = [text for text in texts[name] if text.strip()]
        if filled and sum(map(_is_number, filled)) >= NUMBERS_SHARE * len(filled):
            names += [f"{kind}:{name}" for kind in _NUMBER]
            continue
        values, words = ([frozenset(split(text)) for text in filled] for split in (parts_in, words_in))
        if _repeat(values):
            names += [f"{kind}:{name}" for kind in _OVERLAP]
        if words != values and _repeat(words):
            names += [f"{kind}:{name}{WORDS}" for kind in _WORDS]
    return names


def _repeat(sets: Sequence[frozenset[str]]) -> bool:
    """Whether two have anything in common."""
    return sum(map(len, sets)) > len(frozenset().union(*sets))


def _is_number(text: str) -> bool:
    try:
        return math.isfinite(float(text))
    except ValueError:
        return False
