"""Processor time and memory that cgroups grant, read from the files of both versions."""

import math

import pytest

from sklogloss.linear.quota import available_memory, cpu_quota


def write(root, files):
    for name, text in files.items():
        path = root / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text)


V1 = "sys/fs/cgroup/cpu"
V1_LINES = "4:memory:/a/b\n3:cpu,cpuacct:/a/b\n1:name=systemd:/\n"


@pytest.mark.parametrize(
    ("files", "expected"),
    [
        ({}, math.inf),
        ({"proc/self/cgroup": "0::/\n"}, math.inf),
        ({"proc/self/cgroup": "0::/\n", "sys/fs/cgroup/cpu.max": "max 100000\n"}, math.inf),
        # A container: its own group is the outermost one that it sees.
        ({"proc/self/cgroup": "0::/\n", "sys/fs/cgroup/cpu.max": "150000 100000\n"}, 1.5),
        ({"proc/self/cgroup": "0::/host/x\n", "sys/fs/cgroup/cpu.max": "50000 100000\n"}, 0.5),
        # A group of systemd, and one outside it with less.
        (
            {
                "proc/self/cgroup": "0::/user.slice/run.scope\n",
                "sys/fs/cgroup/user.slice/cpu.max": "100000 100000\n",
                "sys/fs/cgroup/user.slice/run.scope/cpu.max": "400000 100000\n",
            },
            1,
        ),
        (
            {
                "proc/self/cgroup": V1_LINES,
                f"{V1}/a/b/cpu.cfs_quota_us": "-1\n",
                f"{V1}/a/b/cpu.cfs_period_us": "100000\n",
                f"{V1}/a/cpu.cfs_quota_us": "300000\n",
                f"{V1}/a/cpu.cfs_period_us": "100000\n",
            },
            3,
        ),
        (
            {
                "proc/self/cgroup": V1_LINES,
                f"{V1}/cpu.cfs_quota_us": "25000\n",
                f"{V1}/cpu.cfs_period_us": "50000\n",
            },
            0.5,
        ),
    ],
)
def test_the_smallest_quota_counts(tmp_path, files, expected):
    write(tmp_path, files)
    assert cpu_quota(tmp_path) == expected


def test_names_of_groups_may_be_any_bytes(tmp_path):
    path = tmp_path / "proc/self/cgroup"
    path.parent.mkdir(parents=True)
    path.write_bytes(b"0::/caf\xe9\n")
    group = tmp_path / "sys/fs/cgroup"
    group.mkdir(parents=True)
    (group / "cpu.max").write_text("50000 100000\n")
    assert cpu_quota(tmp_path) == 0.5


MEMINFO = "MemTotal:  8000 kB\nMemFree:  10 kB\nMemAvailable:  4000 kB\n"
V1_MEMORY = "sys/fs/cgroup/memory"


@pytest.mark.parametrize(
    ("files", "expected"),
    [
        ({}, math.inf),
        ({"proc/meminfo": "MemTotal:  8000 kB\n"}, math.inf),
        ({"proc/meminfo": MEMINFO}, 4000 * 1024),
        (
            {
                "proc/meminfo": MEMINFO,
                "proc/self/cgroup": "0::/\n",
                "sys/fs/cgroup/memory.max": "max\n",
                "sys/fs/cgroup/memory.current": "1000\n",
            },
            4000 * 1024,
        ),
        # What files were read from counts as available.
        (
            {
                "proc/meminfo": MEMINFO,
                "proc/self/cgroup": "0::/a/b\n",
                "sys/fs/cgroup/a/memory.max": "5000\n",
                "sys/fs/cgroup/a/memory.current": "4000\n",
                "sys/fs/cgroup/a/memory.stat": "anon 3000\nfile 1000\ninactive_file 700\n",
                "sys/fs/cgroup/a/b/memory.max": "max\n",
                "sys/fs/cgroup/a/b/memory.current": "4000\n",
            },
            1700,
        ),
        # A limit that was lowered below what is in use.
        (
            {
                "proc/self/cgroup": "0::/\n",
                "sys/fs/cgroup/memory.max": "5000\n",
                "sys/fs/cgroup/memory.current": "6000\n",
            },
            0,
        ),
        (
            {
                "proc/self/cgroup": V1_LINES,
                f"{V1_MEMORY}/a/b/memory.limit_in_bytes": "9223372036854771712\n",
                f"{V1_MEMORY}/a/b/memory.usage_in_bytes": "500\n",
                f"{V1_MEMORY}/a/memory.limit_in_bytes": "3000\n",
                f"{V1_MEMORY}/a/memory.usage_in_bytes": "2000\n",
                f"{V1_MEMORY}/a/memory.stat": "inactive_file 1\ntotal_inactive_file 200\n",
            },
            1200,
        ),
    ],
)
def test_the_least_memory_counts(tmp_path, files, expected):
    write(tmp_path, files)
    assert available_memory(tmp_path) == expected


def test_this_machine_has_some():
    assert cpu_quota() > 0
    assert available_memory() > 0
