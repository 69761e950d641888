"""The table of bounds: one row for every kind of value a request can carry. Knows no message."""

from dataclasses import dataclass
from enum import Enum

from gateway.domain.limits import Limits


class Characters(Enum):
    """Which characters a text may have; the value is how errors say it."""

    TEXT = "any characters but NUL"
    LINE = "no control characters"
    NAME = "only letters A-Z and a-z, digits, '_' and '-'"


@dataclass(frozen=True, slots=True)
class TextRule:
    """A text of ``min_bytes`` to ``max_bytes`` UTF-8 bytes."""

    min_bytes: int
    max_bytes: int
    characters: Characters


@dataclass(frozen=True, slots=True)
class CountRule:
    """``minimum`` to ``maximum`` things, called ``noun`` in errors."""

    minimum: int
    maximum: int
    noun: str


@dataclass(frozen=True, slots=True)
class NumberRule:
    """A finite number, inside a closed range where bounds are given."""

    minimum: float = float("-inf")
    maximum: float = float("inf")


class Rules:
    """All rules, from the limits of this server."""

    def __init__(self, limits: Limits) -> None:
        line, text, name = Characters.LINE, Characters.TEXT, Characters.NAME
        self.required_id = TextRule(1, limits.max_id_bytes, line)
        self.name = TextRule(1, limits.max_name_bytes, name)
        self.event = TextRule(1, limits.max_name_bytes, name)
        self.query = TextRule(1, limits.max_query_bytes, text)
        self.session_query = TextRule(0, limits.max_query_bytes, text)
        self.surface = TextRule(0, limits.max_surface_bytes, line)
        self.locale = TextRule(0, limits.max_locale_bytes, line)
        self.model = TextRule(0, limits.max_id_bytes, line)
        self.attribution_token = TextRule(0, limits.max_id_bytes, line)
        self.field_text = TextRule(0, limits.max_field_bytes, text)
        self.label = TextRule(0, limits.max_label_bytes, text)

        self.candidates = CountRule(1, limits.max_candidates, "candidates")
        self.history_events = CountRule(1, limits.max_history_events, "events")
        self.sources = CountRule(0, limits.max_sources, "sources")
        self.filters = CountRule(0, limits.max_filters, "filters")
        self.excluded = CountRule(0, limits.max_excluded, "ids")
        self.fields = CountRule(0, limits.max_fields, "fields")
        self.attributes = CountRule(0, limits.max_attributes, "attributes")
        self.features = CountRule(0, limits.max_features, "features")
        self.labels = CountRule(0, limits.max_labels, "labels")
        self.any_of = CountRule(1, limits.max_labels, "values")
        self.batch_items = CountRule(1, limits.max_batch_items, "items")
        self.batch_ids = CountRule(1, limits.max_batch_items, "ids")
        self.interactions = CountRule(1, limits.max_batch_items, "interactions")

        self.number = NumberRule()
        self.score = NumberRule(0.0, 1.0)
        self.candidate_limit = NumberRule(0, limits.max_candidates)
        self.diversity_maximum = NumberRule(1, limits.max_candidates)
        self.page_size = NumberRule(0, limits.max_batch_items)
        self.max_future_s = limits.max_future_s
