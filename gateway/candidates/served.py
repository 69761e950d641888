"""How the sources that are served are blended; lists to fit on are blended alike. Knows no source's inside."""

from gateway.candidates.blend import BlendSettings
from gateway.candidates.item_neighbors import NEIGHBOR_SOURCES
from gateway.candidates.text_ann import COLD_ITEMS

COLD_SHARE = 0.1
"""Of a list's places, kept for items that nobody liked."""

_COLD_WEIGHT = 1e-6
"""Less than what tells two ranks of another source apart: items that no other source proposes stand at the end, nearest
first, and all others as they would without them."""


def served_blend(cold_share: float = COLD_SHARE) -> BlendSettings:
    """With ``cold_share`` of the places kept for items that nobody liked."""
    weights = {source.name: source.weight for source in NEIGHBOR_SOURCES}
    return BlendSettings(weights={**weights, COLD_ITEMS: _COLD_WEIGHT}, reserved={COLD_ITEMS: cold_share})
