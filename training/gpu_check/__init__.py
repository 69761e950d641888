"""Measures a GPU: `crossrank gpu-check`."""
