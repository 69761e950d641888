"""Data sets as generic tables. Must import without torch."""
