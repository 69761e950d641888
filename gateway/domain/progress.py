"""How work tells what it has done. Knows no console."""

from collections.abc import Callable
from contextlib import AbstractContextManager

Say = Callable[[str], None]
"""Takes a line for people."""
Advance = Callable[[int], None]
"""Takes the number of things that were just done."""
Progress = Callable[[str, int | None], AbstractContextManager[Advance]]
"""Begins a piece of work: its title, and how many things are to be done where that is known."""
