"""The quota of processor time that cgroups set, read from the files of both versions."""

import math

import pytest

from sklogloss.linear.quota import cpu_quota


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


def test_this_machine_has_some():
    assert cpu_quota() > 0
