"""How well items rank that nobody has liked yet: some items are hidden from every fit, and lists are measured on those
hidden items that their users liked next. Knows no source and no model."""

import random
from collections.abc import Collection
from dataclasses import dataclass
from functools import cached_property

from training.data.tables import Tables
from training.options.protocol import Protocol
from training.protocol.dataset import Dataset, Phase

HIDDEN_SHARE = 0.1
"""Of the catalogue's items."""


@dataclass(frozen=True)
class ColdProtocol:
    """``share`` of the items is hidden, drawn by ``seed``: they keep their texts and lose all interactions. Everything
    is fitted on ``known``."""

    tables: Tables
    share: float = HIDDEN_SHARE
    seed: int = 1

    @cached_property
    def hidden(self) -> frozenset[str]:
        """Ids of the hidden items."""
        item_ids = sorted(item.item_id for item in self.tables.items)
        return frozenset(random.Random(self.seed).sample(item_ids, int(len(item_ids) * self.share)))

    @cached_property
    def known(self) -> Tables:
        """The tables without a trace of what was done with hidden items."""
        return Tables(
            self.tables.items,
            [row for row in self.tables.interactions if row.item_id not in self.hidden],
            [row for row in self.tables.impressions if row.item_id not in self.hidden],
        )

    def targets(self, protocol: Protocol) -> dict[str, frozenset[str]]:
        """By user with a test list of the known tables: hidden items first liked after what the list may know. Empty
        where there is none."""
        whole, known = Dataset(self.tables, protocol), Dataset(self.known, protocol)
        return {
            case.user_id: _liked_after(whole.positives(case.user_id), case.targets[0], self.hidden)
            for case in known.cases(Phase.TEST)
        }


def _liked_after(positives: Collection[str], item_id: str, hidden: frozenset[str]) -> frozenset[str]:
    """``positives`` in the order of first liking; those of ``hidden`` behind ``item_id``."""
    ordered = list(positives)
    return hidden.intersection(ordered[ordered.index(item_id) + 1 :])
