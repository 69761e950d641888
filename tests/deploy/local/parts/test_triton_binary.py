"""Where Triton comes from and what is laid out for it."""

import shutil
import sys
from pathlib import Path

import pytest

from deploy.local.errors import NotInstalled
from deploy.local.parts import shared_library, triton_binary
from deploy.local.parts.triton_binary import find_triton, locate_libpython


@pytest.fixture
def installed(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A tritonserver on PATH."""
    executable = tmp_path / "bin" / "tritonserver"
    monkeypatch.setattr(shutil, "which", lambda name, path=None: str(executable) if name == "tritonserver" else None)
    return executable


def test_a_tritonserver_on_path_is_used_as_it_is(tmp_path: Path, installed: Path) -> None:
    found = find_triton(tmp_path / "triton")
    assert (found.executable, found.options, found.search_paths) == (installed, (), {})
    assert not (tmp_path / "triton").exists()


def test_the_one_of_the_package_gets_the_worker_of_this_python(tmp_path: Path) -> None:
    found = find_triton(tmp_path)
    backend = tmp_path / "backends" / "python"
    assert found.options == (f"--backend-directory={tmp_path / 'backends'}",)
    assert sorted(file.name for file in backend.iterdir()) == [
        "libtriton_python.so",
        "triton_python_backend_stub",
        "triton_python_backend_utils.py",
    ]
    stub = (backend / "triton_python_backend_stub").read_bytes()
    assert f"libpython{sys.version_info.major}.{sys.version_info.minor}.so".encode() in stub


def test_what_the_worker_is_linked_to_can_be_found_on_its_search_path(tmp_path: Path) -> None:
    folders = [Path(folder) for folder in find_triton(tmp_path).search_paths["LD_LIBRARY_PATH"].split(":")]
    assert any((folder / triton_binary.LIBPYTHON).exists() for folder in folders)
    assert any(list(folder.glob("libtritonserver*.so")) for folder in folders)


def test_the_layout_is_renewed_at_every_start(tmp_path: Path) -> None:
    find_triton(tmp_path)
    stub = tmp_path / "backends" / "python" / "triton_python_backend_stub"
    stub.write_text("of another Python")
    find_triton(tmp_path)
    assert stub.stat().st_size > 100_000
    assert stub.stat().st_mode & 0o111


def test_a_missing_libpython_is_fetched(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    fetched: list[tuple[str, str, Path]] = []

    def fetch(soname: str, *, package: str, into: Path) -> Path:
        fetched.append((soname, package, into))
        return into / soname

    monkeypatch.setattr(shared_library, "find", lambda soname, folders=(): None)
    monkeypatch.setattr(shared_library, "fetch", fetch)
    found = find_triton(tmp_path)
    assert fetched == [(triton_binary.LIBPYTHON, triton_binary.LIBPYTHON_PACKAGE, tmp_path / "libraries")]
    assert found.search_paths["LD_LIBRARY_PATH"].endswith(f":{tmp_path / 'libraries'}")


def test_a_libpython_that_was_fetched_is_found_the_next_time(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    library = tmp_path / "libraries" / "usr" / "lib" / "x86_64-linux-gnu" / triton_binary.LIBPYTHON
    library.parent.mkdir(parents=True)
    library.touch()
    monkeypatch.setattr("sysconfig.get_config_var", lambda name: str(tmp_path / "nothing"))
    assert locate_libpython(tmp_path) == library


def test_without_the_package_the_remedy_is_its_installation(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(triton_binary, "find_spec", lambda name: None)
    with pytest.raises(NotInstalled, match="Triton is not installed") as failure:
        find_triton(tmp_path)
    assert "crossrank[local]" in failure.value.remedy


def test_a_python_without_a_worker_is_told_which_have_one(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(triton_binary, "_PYTHON", "3.99")
    with pytest.raises(NotInstalled, match=r"no Python worker for Python 3\.99") as failure:
        find_triton(tmp_path)
    assert "3.11" in failure.value.remedy
