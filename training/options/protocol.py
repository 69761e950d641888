"""Options of the evaluation protocol: who is measured, and on how many of their positives. Knows no data."""

from typing import Annotated

from pydantic import Field
from pydantic.dataclasses import dataclass

from training.errors import ConfigInvalid
from training.options.validation import Count, Options


@dataclass(frozen=True)
class Protocol(Options, section="protocol"):
    """Which users are measured, and how their positives are cut into folds."""

    min_positives: Annotated[int, Field(description="Users with fewer are not measured; over twice `held_out`.")] = 20
    held_out: Annotated[int, Field(description="Positives of a user that a fold tests; 1 or more.")] = 5
    min_history: Annotated[Count, Field(description="Positives that stay before those of a training fold.")] = 5
    min_users: Annotated[Count, Field(description="With fewer measured users nothing is learned or measured.")] = 10

    def __post_init__(self) -> None:
        """Raises ConfigInvalid when test and valid would leave a user without any history."""
        if self.held_out < 1 or self.min_positives <= 2 * self.held_out:
            raise ConfigInvalid(
                f"held_out is {self.held_out} and min_positives {self.min_positives}",
                "let held_out be 1 or more and min_positives more than twice held_out, for test, valid and a history",
            )
