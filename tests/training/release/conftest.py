"""Exported models, as the tests of the export have them."""

from tests.training.export.conftest import bi_encoder, cross_encoder

__all__ = ["bi_encoder", "cross_encoder"]
