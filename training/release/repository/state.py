"""Which version of a model serves, which ones are loaded and what each took the place of, as `config.pbtxt` says it.
Touches no file."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import Self

from tritonclient.grpc.model_config_pb2 import ModelConfig

from gateway.scoring.verification import SERVING_VERSION

REPLACED_VERSION = "replaced_version"
"""Parameter ``replaced_version.<number>``: the version that served before that one did."""


@dataclass(frozen=True, slots=True)
class ReleaseState:
    """``serving`` is one of ``loaded``, and so is the one that served before: a gateway may still ask it."""

    serving: int
    loaded: tuple[int, ...]
    replaced: Mapping[int, int] = field(default_factory=dict)

    @classmethod
    def newest(cls, config: ModelConfig, present: Sequence[int]) -> Self:
        """Of a configuration that names no version: the newest one serves. ``present`` has at least one."""
        loaded = sorted(present)[-max(1, config.version_policy.latest.num_versions) :]
        return cls(loaded[-1], tuple(loaded))

    @classmethod
    def named(cls, config: ModelConfig) -> Self | None:
        """Of a configuration that names the version that serves; None for one that does not."""
        values = {name: value.string_value for name, value in config.parameters.items()}
        if SERVING_VERSION not in values:
            return None
        replaced = {
            int(name.rpartition(".")[2]): int(value)
            for name, value in values.items()
            if name.startswith(f"{REPLACED_VERSION}.")
        }
        return cls(int(values[SERVING_VERSION]), tuple(config.version_policy.specific.versions), replaced)

    def previous(self, present: Sequence[int]) -> int | None:
        """The version to roll back to: the one that the serving one took the place of; without a record the next
        older. None when it is not there."""
        older = max((one for one in present if one < self.serving), default=None)
        found = self.replaced.get(self.serving, older)
        return found if found in present else None

    def promoted(self, version: int) -> "ReleaseState":
        """After ``version`` took the place of the serving one."""
        return ReleaseState(version, self._loaded_with(version), {**self.replaced, version: self.serving})

    def rolled_back(self, version: int) -> "ReleaseState":
        """After ``version`` came back. What it replaced in its time stays known, to roll back further."""
        return ReleaseState(version, self._loaded_with(version), {**self.replaced, self.serving: version})

    def beside(self, version: int) -> "ReleaseState":
        """With ``version`` loaded too, to be tried beside the one that serves."""
        return replace(self, loaded=tuple(sorted({*self.loaded, version})))

    def write(self, config: ModelConfig, present: Sequence[int]) -> None:
        """Puts it into a configuration, as far as it is about versions in the folder."""
        for name in [one for one in config.parameters if one.startswith(f"{REPLACED_VERSION}.")]:
            del config.parameters[name]
        config.version_policy.specific.versions[:] = [one for one in self.loaded if one in present]
        config.parameters[SERVING_VERSION].string_value = str(self.serving)
        for version, before in self.replaced.items():
            if version in present:
                config.parameters[f"{REPLACED_VERSION}.{version}"].string_value = str(before)

    def _loaded_with(self, version: int) -> tuple[int, ...]:
        """Both that serve while gateways change over, and what is on trial: newer and never promoted."""
        on_trial = {one for one in self.loaded if one > self.serving and one not in self.replaced}
        return tuple(sorted({self.serving, version} | on_trial))
