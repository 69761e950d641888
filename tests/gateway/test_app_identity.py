"""A gateway whose identities cannot be used does not start: exit code 2, with the remedy."""

import os
import subprocess
import sys
from pathlib import Path

import pytest

from tests.paths import MODEL_REPOSITORY, ROOT


@pytest.mark.parametrize(
    ("identities", "expected"),
    [
        ("", "set CROSSRANK_IDENTITIES, or CROSSRANK_OPEN_TO_ALL=true"),
        ("[callers.a]\nroles = ['read']", "callers.a has nothing that proves it: give one of api_keys"),
        ("[callers.a]\nroles = ['read']\ncertificates = ['a']", "set CROSSRANK_TLS_CLIENT_CA"),
    ],
)
def test_the_process_ends_with_2_and_says_what_to_do(tmp_path: Path, identities: str, expected: str) -> None:
    file = tmp_path / "identities.toml"
    file.write_text(identities)
    settings = {
        "CROSSRANK_LISTEN": "0.0.0.0:0",
        "CROSSRANK_METRICS_LISTEN": "",
        "CROSSRANK_MODEL_REPOSITORY": str(MODEL_REPOSITORY),
        **({"CROSSRANK_IDENTITIES": str(file)} if identities else {}),
    }
    environment = {"PATH": os.environ["PATH"], **settings}
    ended = subprocess.run(
        (sys.executable, "-m", "gateway"), cwd=ROOT, env=environment, capture_output=True, text=True, check=False
    )
    assert (ended.returncode, ended.stdout) == (2, "")
    assert expected in ended.stderr
    assert "Traceback" not in ended.stderr
