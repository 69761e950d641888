"""A shipped version's graph as today's export writes it, with exactly the weights that it holds: a faster form of a
model whose training checkpoint is gone. Knows no training."""

import argparse
import tempfile
from pathlib import Path

from training.export.graph import export_cross_encoder
from training.export.quantize import quantize
from training.export.recover import recover_cross_encoder


def renew(version_folder: Path, destination: Path) -> Path:
    """Writes the int8 graph of ``version_folder`` anew. Returns ``destination``.

    int8 weights come back as the same numbers; activations are quantised as today, so logits move a little, and the
    tolerance of the version's golden pairs must be looked at. Raises WeightsMissing or ModelNotExportable.
    """
    with tempfile.TemporaryDirectory() as work:
        exact = export_cross_encoder(recover_cross_encoder(version_folder), Path(work) / "fp32.onnx")
        return quantize(exact, destination)


def main() -> None:
    """Command line."""
    parser = argparse.ArgumentParser(prog="python -m training.export.renew", description=__doc__)
    parser.add_argument("version", type=Path, help="a version folder of a cross-encoder in a model repository")
    parser.add_argument("output", type=Path, help="the graph to write, outside of the version folder")
    arguments = parser.parse_args()
    print(renew(arguments.version, arguments.output))


if __name__ == "__main__":
    main()
