"""Why a version does not come to serve, or another one cannot take its place. Knows no file."""

from training.errors import TrainingError


class PromotionRefused(TrainingError):
    """The version must not serve: the gate refused it, never saw it, or saw something else."""


class PromotionBusy(TrainingError):
    """Another promotion or rollback of the same model is under way."""


class NothingToRollBackTo(TrainingError):
    """There is no version that served before the one that serves."""


class ReadingUnknown(TrainingError):
    """For which requests reading a version pays cannot be told, or not be recorded."""


class RepositoryBroken(TrainingError):
    """The model's folder contradicts its configuration, or has none."""


class NotServed(TrainingError):
    """The running stack did not come to serve the version; the one before it serves on."""
