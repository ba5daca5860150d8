"""A campaign of random fits.

    python -m tests.fuzz --minutes 10            as many problems as ten minutes allow
    python -m tests.fuzz --seeds 0 1000          the problems of these seeds
    python -m tests.fuzz --seeds 7 8 --shrink    a smaller problem with the same fault, as a script
    python -m tests.fuzz --kind inference        another kind of problem than fits, see `kinds`

Each fault is printed with its seed. The fits run in a process of their own, which is started again
after a crash, or where a fit takes minutes. The exit status is 1 if there was a fault.
"""

import argparse
import collections
import itertools
import json
import os
import select
import subprocess
import sys
import time

from .kinds import KINDS
from .problems import random_problem
from .shrink import script_of, shrink
from .verdicts import Outcome, outcome_of

COMMAND = [sys.executable, "-X", "faulthandler", "-m", __package__]
# Seconds of a single fit after which its process is ended.
PATIENCE = 300


def work(kind, first, end):
    """Print the outcome of each seed, as a line of JSON. Runs in the child."""
    for seed in range(first, end):
        outcome = KINDS[kind](seed)
        print(json.dumps([seed, outcome.kind, outcome.detail, outcome.seconds]), flush=True)


def outcomes(kind, first, end, deadline):
    """Yield seed and Outcome of each problem until the deadline, those that crash included."""
    seed = first
    while seed < end and time.monotonic() < deadline:
        command = [*COMMAND, "--kind", kind, "--child", str(seed), str(end)]
        # Several threads take longer for matrices of this size.
        environment = {**os.environ, "OMP_NUM_THREADS": "1", "OPENBLAS_NUM_THREADS": "1"}
        child = subprocess.Popen(command, stdout=subprocess.PIPE, env=environment)
        try:
            while seed < end and time.monotonic() < deadline:
                if not select.select([child.stdout], [], [], PATIENCE)[0]:
                    yield seed, Outcome("hang", f"no answer within {PATIENCE} s")
                    seed += 1
                    break
                line = child.stdout.readline()
                if not line:
                    yield seed, Outcome("crash", f"exit status {child.wait()}")
                    seed += 1
                    break
                seed, *found = json.loads(line)
                yield seed, Outcome(*found)
                seed += 1
        finally:
            child.kill()
            child.wait()


def run_campaign(kind, first, end, minutes, without=()):
    """Print the faults, but some kinds, and a summary; return whether there was a fault."""
    kinds, warned, seconds = collections.Counter(), collections.Counter(), 0.0
    slowest = (0.0, None)
    for seed, outcome in outcomes(kind, first, end, time.monotonic() + 60 * minutes):
        kinds[outcome.kind] += 1
        seconds += outcome.seconds
        slowest = max(slowest, (outcome.seconds, seed), key=lambda pair: pair[0])
        if outcome.kind in ("warned", "refused"):
            warned[f"{outcome.kind}: {outcome.detail.split(';')[0][:60]}"] += 1
        if outcome.is_fault and outcome.kind not in without:
            print(f"seed {seed}: {outcome.kind}: {outcome.detail}", flush=True)
    print(f"{kinds.total()} problems from seed {first} on, {seconds:.0f} s of fits, the longest")
    print(f"{slowest[0]:.2f} s (seed {slowest[1]})")
    for name, count in itertools.chain(kinds.most_common(), warned.most_common(20)):
        print(f"{count:8d}  {name}")
    return any(Outcome(kind).is_fault and kind not in without for kind in kinds)


def main():
    """Run what the arguments say."""
    parser = argparse.ArgumentParser("python -m tests.fuzz", description=__doc__.split("\n")[0])
    parser.add_argument("--minutes", type=float, default=60, help="how long, at most")
    parser.add_argument("--seeds", type=int, nargs=2, default=(0, sys.maxsize))
    parser.add_argument("--kind", choices=KINDS, default="fit", help="of the problems")
    parser.add_argument("--shrink", action="store_true", help="print each fault of a fit as script")
    parser.add_argument("--without", nargs="+", default=(), help="kinds of faults to pass over")
    parser.add_argument("--child", type=int, nargs=2, help=argparse.SUPPRESS)
    arguments = parser.parse_args()
    if arguments.child:
        return work(arguments.kind, *arguments.child)
    if not arguments.shrink or arguments.kind != "fit":
        return run_campaign(arguments.kind, *arguments.seeds, arguments.minutes, arguments.without)
    for seed in range(*arguments.seeds):
        outcome = outcome_of(random_problem(seed))
        if outcome.is_fault:
            small = shrink(random_problem(seed), outcome.kind)
            print(f"# seed {seed}\n{script_of(small, outcome_of(small))}", flush=True)
    return False


if __name__ == "__main__":
    sys.exit(main())
