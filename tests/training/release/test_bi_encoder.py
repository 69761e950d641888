"""The bi-encoder's command makes the version that the repository carries."""

from pathlib import Path

import numpy as np
import onnx
import pytest
from onnx import numpy_helper

from tests.model_repository.samples import BI_ENCODER
from training.release import bi_encoder
from training.release.bi_encoder import compare
from training.release.repository.triton_config import read_config


def test_the_command_makes_the_shipped_weights_again(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    texts = tmp_path / "texts.txt"
    texts.write_text("An old film\nA new book about rivers\nsomething else\n")
    arguments = ["bi_encoder", "--repository", str(tmp_path / "models"), "--version", "3", "--texts", str(texts)]
    monkeypatch.setattr("sys.argv", arguments)
    bi_encoder.main()
    assert "texts=3" in capsys.readouterr().out
    folder = tmp_path / "models" / "bi_encoder" / "3"
    made, shipped = (onnx.load(one / "model.onnx").graph for one in (folder, BI_ENCODER))
    stored = {one.name: numpy_helper.to_array(one) for one in shipped.initializer}
    assert {one.name for one in made.initializer} == stored.keys()
    for one in made.initializer:
        value = numpy_helper.to_array(one)
        if value.dtype == np.int8:
            assert (np.abs(value.astype(np.int16) - stored[one.name]) <= 1).all(), one.name
        else:
            np.testing.assert_allclose(value, stored[one.name], rtol=1e-5, err_msg=one.name)
    assert (folder / "tokenizer.json").read_bytes() == (BI_ENCODER / "tokenizer.json").read_bytes()
    assert read_config(folder.parent / "config.pbtxt") == read_config(BI_ENCODER.parent / "config.pbtxt")
    assert "on 3 texts: cosine median 0.99" in (folder / "README.md").read_text()


def test_agreement_is_the_cosine_of_each_text() -> None:
    one = np.array([[1, 0], [0, 1], [0.6, 0.8]], np.float32)
    other = np.array([[1, 0], [1, 0], [0.8, 0.6]], np.float32)
    found = compare(one, other)
    assert (found.texts, found.lowest) == (3, 0)
    assert found.median == pytest.approx(0.96)
