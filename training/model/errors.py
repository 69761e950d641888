"""Why a checkpoint is not imported. Each says what was found, the limit and the next step."""

from training.errors import TrainingError


class SourceUnavailable(TrainingError):
    """The checkpoint could not be fetched: no such folder, repository or revision, no access, no network."""


class CheckpointUnusable(TrainingError):
    """The checkpoint is there, but it cannot be served as a cross-encoder of one logit."""


class ImportRefused(TrainingError):
    """The checkpoint is fine, but it cannot be served in the form that was asked for."""
