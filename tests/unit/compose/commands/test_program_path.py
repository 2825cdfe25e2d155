"""What `pods.sh` says where it cannot work at all."""

import os
import shutil
import subprocess
from pathlib import Path

import pytest

from cluster.config.env_file import PROJECT_ROOT


def test_a_checkout_in_a_path_with_a_colon_is_refused_in_our_own_words(tmp_path: Path) -> None:
    checkout = tmp_path / "a:b"
    (checkout / "requirements").mkdir(parents=True)
    shutil.copy(PROJECT_ROOT / "requirements" / "run.txt", checkout / "requirements")
    shutil.copy(PROJECT_ROOT / "pods.sh", checkout)
    done = subprocess.run([checkout / "pods.sh", "status"], capture_output=True, text=True, check=False)
    assert done.returncode == 4
    assert "a path with a colon" in done.stderr
    assert not (checkout / ".venv").exists()


@pytest.mark.skipif(os.geteuid() != 0, reason="only root can mount")
def test_a_null_device_that_is_none_is_not_taken_for_a_missing_python(tmp_path: Path) -> None:
    (tmp_path / "file").touch()
    script = f"mount --bind {tmp_path / 'file'} /dev/null && exec {PROJECT_ROOT / 'pods.sh'} status"
    done = subprocess.run(["unshare", "--mount", "sh", "-c", script], capture_output=True, text=True, check=False)
    if "unshare" in done.stderr or "mount:" in done.stderr:
        pytest.skip(f"this host lets nobody mount: {done.stderr.strip()}")
    assert done.returncode == 4
    assert done.stderr.startswith("✗ /dev/null is not the device")
    assert "mknod -m 666 /dev/null c 1 3" in done.stderr
