"""Environments with other packages: which ones are refused, and two processes that make the same one."""

from pathlib import Path

import pytest

from baselines import packages

pytestmark = pytest.mark.self


@pytest.mark.parametrize(
    "wrong",
    ["-r", "--index-url=x", " ", "keras", "keras>=3", "keras==3.*", "keras===3", "/a/keras.whl", "keras @ git+https://a", "a==1 b==2"],
)
def test_what_is_no_exact_version_is_refused_by_name(wrong):
    with pytest.raises(ValueError, match="is not a package with its exact version; write it as keras==3.14.1") as error:
        packages.environment(["numpy==2.0", wrong])
    assert repr(wrong) in str(error.value)


def test_an_environment_that_another_process_made_meanwhile_is_used(tmp_path, monkeypatch):
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path))
    made = []

    def run(command, wrong):
        if "install" not in command:
            folder = Path(command[-1])
            (folder / "lib" / "python3" / "site-packages").mkdir(parents=True)
            return
        for folder in folder_of(command), folder_of(command).with_suffix(""):  # its own, and the other process's, which is done
            (folder / "bin").mkdir(parents=True)
            (folder / "bin" / "python").touch()
            made.append(folder)

    def folder_of(command):
        return Path(command[0]).parent.parent

    monkeypatch.setattr(packages, "run", run)
    python = packages.environment(["jax[cpu]==0.5.0+local", "keras==3.14.1"])
    part, folder = made
    assert folder / "bin" / "python" == python
    assert not part.exists()
