"""Checks of a version by itself: its files, its published fingerprint, its tokens, its logits. Knows no lists."""

from pathlib import Path

import numpy as np
from google.protobuf.text_format import ParseError

from gateway.domain.manifest import manifest_faults
from gateway.encoding.bundle import TOKENIZER_FILE, fingerprint_of
from gateway.encoding.pair_encoder import PairEncoder
from gateway.encoding.tokenizer import open_tokenizer
from training.export.compare import Logits, score_session
from training.release.gate.check import Check, Figure, judged, skipped
from training.release.gate.version import Fp32, OpenVersion
from training.release.repository.triton_config import read_config
from training.release.repository.version import FINGERPRINT

FILES, FINGERPRINT_CHECK, TOKENS, LOGITS, READING = "files", "fingerprint", "tokens", "logits", "reading judged"
REQUIRED = (
    "model.py",
    "manifest.py",
    "model.onnx",
    "config.json",
    "README.md",
    "encoding/spec.json",
    "encoding/golden.json",
)
MAX_FP32_DIFFERENCE = 1e-4
MAX_RECORDED_DIFFERENCE = 1e-3
"""Recorded golden logits and the checkpoint may come from different processors."""

_NOT_FINITE = 1e308


def check_files(folder: Path) -> Check:
    """All files that were written are there, with the digest that they were written with, and no other."""
    missing = [f"{name} is missing" for name in REQUIRED if not (folder / name).is_file()]
    faults = [f"{one}: export the version again" for one in missing or manifest_faults(folder)]
    return judged(FILES, faults, "all files are as they were written")


def check_fingerprint(folder: Path) -> Check:
    """The model's `config.pbtxt`, which Triton reports, names the fingerprint of the version's encoding files."""
    file, name = folder.parent / "config.pbtxt", f"{FINGERPRINT}.{folder.name}"
    try:
        published = read_config(file).parameters[name].string_value
        own = fingerprint_of(folder / "encoding")
    except (OSError, ValueError, ParseError) as fault:
        return judged(FINGERPRINT_CHECK, [f"{fault}: export the version again"], "")
    wrong = f"{file.name} publishes {published!r} as {name}; the files have {own!r}"
    return judged(FINGERPRINT_CHECK, [] if published == own else [wrong], "published as it is", {"fingerprint": own})


def check_tokens(version: OpenVersion, checkpoint: Path | None) -> Check:
    """Golden pairs encode to the recorded token ids, with the version's tokenizer and with the checkpoint's."""
    golden, spec = version.bundle.golden, version.bundle.spec
    faults = [f"the version's tokenizer: {one}" for one in golden.token_faults(version.bundle.encoder)]
    if checkpoint is not None:
        trained = PairEncoder(spec, open_tokenizer(checkpoint / TOKENIZER_FILE))
        faults += [f"the checkpoint's tokenizer: {one}" for one in golden.token_faults(trained)]
    beside = "" if checkpoint is None else ", and so does the checkpoint's"
    good = f"the tokenizer gives the recorded token ids{beside}"
    return judged(TOKENS, faults, good, {"pairs": len(golden.pairs)})


def check_logits(version: OpenVersion, fp32: Fp32 | None) -> Check:
    """The version's graph answers golden pairs within their recorded tolerance of the fp32 reference. With ``fp32`` of
    a checkpoint its graph is transformers within 1e-4, and the recorded logits are the checkpoint's."""
    golden = version.bundle.golden
    served = version.golden_logits()
    recorded = np.array([pair.logit for pair in golden.pairs], np.float32)
    faults = golden.logit_faults(served, range(len(golden.pairs)))
    figures: dict[str, Figure] = {
        "max_abs_dlogit": _largest_difference(served, recorded),
        "tolerance": golden.tolerance,
    }
    if fp32 is not None:
        exact = fp32.golden_logits(version)
        graph = score_session(fp32.session, golden.encode(version.bundle.encoder))
        exported_error, recorded_error = _largest_difference(graph, exact), _largest_difference(recorded, exact)
        figures |= {"max_abs_dlogit_fp32": exported_error, "max_abs_dlogit_recorded": recorded_error}
        faults += _too_far("fp32 graph and transformers", exported_error, MAX_FP32_DIFFERENCE)
        faults += _too_far("recorded logits and checkpoint", recorded_error, MAX_RECORDED_DIFFERENCE)
    return judged(LOGITS, faults, f"golden logits within {golden.tolerance:g} of the fp32 reference", figures)


def check_reading(version: OpenVersion) -> Check:
    """It was judged for which kinds of request reading with this version pays. A version that pays for none passes: the
    gateway leaves it out there."""
    pays = version.bundle.reading
    if pays is None:
        return skipped(READING, "for which requests reading pays was not judged: crossrank eval --record")
    named = ", ".join(sorted(kind.value for kind in pays)) or "no kind of request"
    return judged(READING, [], f"reading pays for {named}", {"pays": named})


def _largest_difference(one: Logits, other: Logits) -> float:
    """Largest |a - b|; 1e308 when a number is not finite, which JSON could not hold."""
    difference = float(np.max(np.abs(one - other), initial=0.0))
    return difference if np.isfinite(difference) else _NOT_FINITE


def _too_far(what: str, difference: float, most: float) -> list[str]:
    return [] if difference <= most else [f"{what} differ by {difference:.2e}; at most {most:g}"]
