"""How much processor time and memory the operating system grants this process."""

import math
from pathlib import Path, PurePosixPath

__all__ = ["available_memory", "cpu_quota"]


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
    quotas = [math.inf]
    for version, group in _groups(root, "cpu"):
        if version == 2:
            quotas.append(_quota(_read(group / "cpu.max")))
        else:
            of_group = _read(group / "cpu.cfs_quota_us"), _read(group / "cpu.cfs_period_us")
            quotas.append(_quota(" ".join(of_group)))
    return min(quotas)


def available_memory(root="/") -> float:
    """Return how many bytes this process can still take before the system has to swap or to kill.

    Parameters
    ----------
    root : path-like, default="/"
        As for `cpu_quota`.

    Returns
    -------
    n_bytes : float
        Of the machine or, if that is less, within the limits of cgroups. Infinity where the system
        does not tell: outside Linux.

    References
    ----------
    https://www.kernel.org/doc/html/latest/filesystems/proc.html, MemAvailable,
    https://www.kernel.org/doc/html/latest/admin-guide/cgroup-v2.html, memory.max, and
    https://www.kernel.org/doc/html/latest/admin-guide/cgroup-v1/memory.html for version 1.
    """
    of_machine = _number(_read(Path(root, "proc/meminfo")), "MemAvailable:")
    available = [math.inf if of_machine is None else 1024 * of_machine]
    for version, group in _groups(root, "memory"):
        prefix = "" if version == 2 else "total_"
        names = ("max", "current") if version == 2 else ("limit_in_bytes", "usage_in_bytes")
        limit, usage = (_read(group / f"memory.{name}").strip() for name in names)
        if limit.isdigit() and usage.isdigit():
            # The system frees its copies of files when memory is needed.
            files = _number(_read(group / "memory.stat"), f"{prefix}inactive_file") or 0
            available.append(max(int(limit) - int(usage) + files, 0))
    return min(available)


def _groups(root, controller):
    # (version, folder) of the cgroups of this process that may limit what a controller governs.
    mount = Path(root, "sys/fs/cgroup")
    for line in _read(Path(root, "proc/self/cgroup")).splitlines():
        _, controllers, path = line.split(":", 2)
        for group in (path, *map(str, PurePosixPath(path).parents)):
            if not controllers:
                yield 2, mount / group.lstrip("/")
            elif controller in controllers.split(","):
                yield 1, mount / controller / group.lstrip("/")


def _number(text, name):
    # The number after a name, in lines of a name and a number; None without such a line.
    for line in text.splitlines():
        words = line.split()
        if words[:1] == [name]:
            return int(words[1])
    return None


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
