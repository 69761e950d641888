"""When Python looks for cyclic garbage: rarely, and never among what the process keeps for good. Knows no request."""

import gc
from collections.abc import Iterator
from contextlib import contextmanager

YOUNG_OBJECTS = 50_000
"""Containers that may be made and not yet freed before the next look; Python's own number is 700. One list of 100
candidates holds thousands while it is ranked, and reference counts free nearly all of them."""


@contextmanager
def tuned_gc() -> Iterator[None]:
    """While the block runs. Whatever exists when it begins is left out of every look (gc.freeze): modules and models
    are no garbage, and to walk through them holds up the event loop."""
    before = gc.get_threshold()
    gc.collect()
    gc.freeze()
    gc.set_threshold(YOUNG_OBJECTS, *before[1:])
    try:
        yield
    finally:
        gc.set_threshold(*before)
        gc.unfreeze()
