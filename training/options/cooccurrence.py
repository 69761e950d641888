"""Options of the train-only co-occurrence statistics. Knows no data."""

from typing import Annotated

from pydantic import Field
from pydantic.dataclasses import dataclass

from training.options.validation import Options, Positive, Share, Weight


@dataclass(frozen=True)
class CooccurrenceOptions(Options, section="first_stage"):
    """Which items are liked together and after each other. The defaults were chosen on valid lists."""

    shrink: Annotated[Weight, Field(description="Added to the divisor of a similarity: rare pairs count less.")] = 2.0
    recent_items: Annotated[Positive, Field(description="Newest items of a history that are read.")] = 20
    together_decay: Annotated[Share, Field(description="Weight of each older item, for items liked together.")] = 0.8
    follows_decay: Annotated[Share, Field(description="Weight of each older item, for items liked next.")] = 0.9
    window: Annotated[Positive, Field(description="How many positives later still count as following.")] = 10
