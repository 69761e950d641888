"""What shadow scoring found, in memory."""

from collections import Counter
from collections.abc import Mapping, Sequence

from gateway.domain.budget import Budget
from gateway.domain.comparison import Comparison, Loss, Outcome
from gateway.domain.errors import CrossrankError, StoreUnavailable


class MemoryComparisons:
    """A ComparisonStore in memory that can be away."""

    def __init__(self) -> None:
        self.comparisons: list[Comparison] = []
        self.losses: Counter[Loss] = Counter()
        self.writes = 0
        self.fault: CrossrankError | None = None

    async def record(self, comparisons: Sequence[Comparison], losses: Mapping[Loss, int], budget: Budget) -> None:
        self.writes += 1
        if self.fault is not None:
            raise self.fault
        if budget.spent:
            raise StoreUnavailable("no time was left")
        self.comparisons += comparisons
        self.losses += Counter(losses)

    def outcomes(self) -> dict[Outcome, int]:
        """Losses by outcome."""
        return {loss.outcome: number for loss, number in self.losses.items()}
