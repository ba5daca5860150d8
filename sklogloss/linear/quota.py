"""How much processor time the operating system grants this process."""

import math
from pathlib import Path, PurePosixPath

__all__ = ["cpu_quota"]


def cpu_quota(root="/") -> float:
    """Return how many cores' worth of processor time cgroups grant this process.

    A cgroup's quota holds for all groups inside it, so the smallest one counts. A container often
    sees its own group as the outermost one, whatever its path says.

    Parameters
    ----------
    root : path-like, default="/"
        Where /proc and /sys/fs/cgroup are.

    Returns
    -------
    quota : float
        Infinity if there is no limit, or if there are no cgroups.

    References
    ----------
    https://www.kernel.org/doc/html/latest/admin-guide/cgroup-v2.html, cpu.max, and
    https://www.kernel.org/doc/html/latest/scheduler/sched-bwc.html for version 1.
    """
    mount = Path(root, "sys/fs/cgroup")
    quotas = [math.inf]
    for line in _read(Path(root, "proc/self/cgroup")).splitlines():
        _, controllers, path = line.split(":", 2)
        groups = [path, *map(str, PurePosixPath(path).parents)]
        if not controllers:
            quotas += [_quota(_read(mount / group.lstrip("/") / "cpu.max")) for group in groups]
        elif "cpu" in controllers.split(","):
            for group in groups:
                folder = mount / "cpu" / group.lstrip("/")
                of_group = _read(folder / "cpu.cfs_quota_us"), _read(folder / "cpu.cfs_period_us")
                quotas.append(_quota(" ".join(of_group)))
    return min(quotas)


def _quota(text):
    # The file has "quota period", both in microseconds; "max" and a negative quota mean no limit.
    quota, _, period = text.strip().partition(" ")
    if not period or quota == "max" or not (int(quota) > 0 and int(period) > 0):
        return math.inf
    return int(quota) / int(period)


def _read(path):
    try:
        return path.read_text(errors="surrogateescape")  # names of groups may be any bytes
    except OSError:
        return ""
