"""What control groups leave of a machine, read from made-up files and from a real group."""

import os
import subprocess
import sys
from pathlib import Path

import pytest

from zoo.training import cgroup

pytestmark = pytest.mark.self
V1, V2 = "cgroup cgroup rw,", "cgroup2 cgroup rw,nsdelegate"


@pytest.fixture
def machine(tmp_path, monkeypatch):
    """A function (group's path of each controller, mounts, files) that makes a root folder; the machine has four processors and 1000 bytes."""
    monkeypatch.setattr(cgroup.os, "sched_getaffinity", lambda process: {0, 1, 2, 5}, raising=False)
    monkeypatch.setattr(cgroup.os, "sysconf", {"SC_PAGE_SIZE": 10, "SC_PHYS_PAGES": 100}.get)

    def make(groups, mounts, files):
        proc = tmp_path / "proc/self"
        proc.mkdir(parents=True)
        (proc / "cgroup").write_text("".join(f"{number}:{name}:{path}\n" for number, (name, path) in enumerate(groups.items())))
        lines = [f"{number} 1 0:{number} {root} {at} rw,relatime shared:9 - {kind}\n" for number, (root, at, kind) in enumerate(mounts)]
        (proc / "mountinfo").write_text("22 1 0:21 / / rw - ext4 /dev/vda rw\n" + "".join(lines))
        for name, text in files.items():
            file = tmp_path / "sys/fs/cgroup" / name
            file.parent.mkdir(parents=True, exist_ok=True)
            file.write_text(text + "\n")
        return tmp_path

    return make


def test_without_groups_the_whole_machine_counts(machine, tmp_path):
    assert (4, 1000) == (cgroup.processors(tmp_path), cgroup.memory(tmp_path))
    root = machine({"": "/"}, [("/", "/sys/fs/cgroup", V2)], {"cpu.max": "max 100000", "memory.max": "max"})
    assert (4, 1000) == (cgroup.processors(root), cgroup.memory(root))


def test_the_smallest_limit_of_the_group_and_of_those_around_it_counts(machine):
    files = {
        "user.slice/cpu.max": "150000 100000",
        "user.slice/job/cpu.max": "300000 100000",
        "user.slice/job/memory.max": "700",
        "user.slice/memory.max": "600",
        "user.slice/job/step/memory.max": "max",
        "other/memory.max": "1",
    }
    root = machine({"": "/user.slice/job/step"}, [("/", "/sys/fs/cgroup", V2)], files)
    assert (1.5, 600) == (cgroup.processors(root), cgroup.memory(root))


def test_memory_over_which_a_group_is_slowed_to_a_crawl_counts(machine):
    root = machine({"": "/a"}, [("/", "/sys/fs/cgroup", V2)], {"a/memory.max": "700", "a/memory.high": "500"})
    assert 500 == cgroup.memory(root)


def test_version_1_has_a_hierarchy_for_each_controller(machine):
    files = {
        "cpu,cpuacct/jobs/cpu.cfs_quota_us": "10000",
        "cpu,cpuacct/jobs/cpu.cfs_period_us": "100000",
        "cpu,cpuacct/jobs/7/cpu.cfs_quota_us": "-1",
        "cpu,cpuacct/jobs/7/cpu.cfs_period_us": "100000",
        "memory/jobs/memory.limit_in_bytes": "900",
        "memory/memory.limit_in_bytes": "9223372036854771712",
    }
    mounts = [("/", "/sys/fs/cgroup/cpu,cpuacct", f"{V1}cpu,cpuacct"), ("/", "/sys/fs/cgroup/memory", f"{V1}memory")]
    root = machine({"cpuacct,cpu": "/jobs/7", "memory": "/jobs/7", "": "/"}, mounts, files)
    assert (0.1, 900) == (cgroup.processors(root), cgroup.memory(root))


@pytest.mark.parametrize(
    ("path", "mounted"), [("/docker/ab", "/docker/ab"), ("/", "/"), ("/", "/.."), ("/../other", "/"), ("/docker/ab", "/")]
)
def test_in_a_container_the_groups_folder_is_where_it_is_mounted(machine, path, mounted):
    files = {"cpu.max": "50000 100000", "memory.max": "800"}
    root = machine({"": path}, [(mounted, "/sys/fs/cgroup", V2)], files)
    assert (0.5, 800) == (cgroup.processors(root), cgroup.memory(root))


def test_a_mount_with_a_space_in_its_name_is_found(machine):
    root = machine({"": "/"}, [("/", r"/sys/fs/cgroup/a\040b", V2)], {"a b/cpu.max": "200000 100000"})
    assert 2 == cgroup.processors(root)
    assert isinstance(cgroup.processors(root), int)


@pytest.mark.parametrize("text", ["", "max", "0 0", "a b", "100000", "-1 100000"])
def test_a_quota_that_cannot_be_read_does_not_count(machine, text):
    assert 4 == cgroup.processors(machine({"": "/"}, [("/", "/sys/fs/cgroup", V2)], {"cpu.max": text}))


def test_the_quota_and_the_memory_of_a_real_group_are_seen(tmp_path):
    folders = (
        [Path("/sys/fs/cgroup/cpu"), Path("/sys/fs/cgroup/memory")] if Path("/sys/fs/cgroup/cpu").is_dir() else [Path("/sys/fs/cgroup")]
    )
    limits = {"cpu.cfs_quota_us": "10000", "memory.limit_in_bytes": str(1 << 29), "cpu.max": "10000 100000", "memory.max": str(1 << 29)}
    groups = [folder / f"zoobench-{os.getpid()}" for folder in folders]
    code = "import sys; sys.stdin.read(); from zoo.training import cgroup; print(cgroup.processors(), cgroup.memory())"
    try:
        try:
            for group in groups:
                group.mkdir()
                for name in limits:
                    if (group / name).exists():
                        (group / name).write_text(limits[name])
        except OSError as error:
            pytest.skip(f"no control group can be made here: {error}")
        if not all(any((group / name).exists() for group in groups for name in names) for names in (list(limits)[::2], list(limits)[1::2])):
            pytest.skip("control groups made here limit no processors and no memory")
        child = subprocess.Popen([sys.executable, "-c", code], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True)
        try:
            for group in groups:
                (group / "cgroup.procs").write_text(str(child.pid))
        except OSError as error:
            child.kill()
            pytest.skip(f"a program cannot be moved to a control group here: {error}")
        assert f"0.1 {1 << 29}\n" == child.communicate("", timeout=60)[0]
    finally:
        for group in groups:
            if group.is_dir():
                group.rmdir()
