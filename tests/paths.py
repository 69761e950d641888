"""Where the project and the models of tests lie. The one place that counts folders upwards."""

from pathlib import Path

ROOT = Path(__file__).resolve().parents[1]
MODEL_REPOSITORY = ROOT / "model_repository"
ROW_SUM_REPOSITORY = ROOT / "tests" / "deploy" / "local" / "model_repository"
"""A repository whose one model needs no weights."""
SHARED_DATA = ROOT.parent / "shared" / "data"
"""Data sets beside the project; not always there."""
