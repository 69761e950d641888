"""The bounds of every request as data: what the API's field comments state and GetInfo publishes."""

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Limits:
    """Largest legal sizes and the defaults that a request leaves open. Bytes are UTF-8 bytes."""

    max_candidates: int = 1000
    max_history_events: int = 200
    max_excluded: int = 1000
    max_filters: int = 16
    max_sources: int = 16
    max_batch_items: int = 1000
    """Items, ids or interactions of one catalogue or feedback message, and items of a page."""

    max_id_bytes: int = 256
    max_query_bytes: int = 2048
    max_surface_bytes: int = 64
    max_locale_bytes: int = 35
    max_name_bytes: int = 64
    max_fields: int = 32
    max_field_bytes: int = 8192
    max_attributes: int = 64
    max_features: int = 32
    max_labels: int = 64
    max_label_bytes: int = 256
    max_request_bytes: int = 8 * 2**20
    max_future_s: float = 86_400.0
    """How far ahead of this clock an interaction's time may lie."""

    default_candidates: int = 100
    default_top_n: int = 10
    default_page_items: int = 100

    default_deadline_s: float = 1.0
    max_deadline_s: float = 5.0
    max_upload_s: float = 300.0
    """Longest, and default, budget of a call that streams requests (UpsertItems)."""

    answer_reserve_s: float = 0.03
    """Kept back from every budget to build and send the answer."""
