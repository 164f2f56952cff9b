"""`make simulate RUNS=10000 SEED=1`: run seeds, tell the progress and the seeds that fail."""

import argparse
import multiprocessing
import os
import sys
import time
from collections import Counter
from collections.abc import Iterator

from tests.simulation.faults import FAULTS
from tests.simulation.run import Outcome, simulate, simulate_lightly

TELL_EVERY_S = 5.0
FAILURES_SHOWN_MAX = 10
TRACE_SHOWN = 60


def main() -> int:
    """Run the seeds that are asked for; give 1 if any fails."""
    parser = argparse.ArgumentParser(prog="make simulate", description=__doc__)
    parser.add_argument("--runs", type=int, default=10_000)
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--fault", choices=sorted(FAULTS), help="plant a fault and look for it")
    told = parser.parse_args()
    if told.fault:
        with FAULTS[told.fault]():
            return _run(told.runs, told.seed, processes=1)
    return _run(told.runs, told.seed, processes=min(os.cpu_count() or 1, told.runs))


def _run(runs: int, first: int, *, processes: int) -> int:
    begun = told_at = time.monotonic()
    met: Counter[str] = Counter()
    failed: list[Outcome] = []
    done = 0
    for outcome in _outcomes(range(first, first + runs), processes):
        done += 1
        met.update(outcome.met)
        if outcome.problems:
            failed.append(outcome)
            if len(failed) <= FAILURES_SHOWN_MAX:
                _show(outcome, trace=runs == 1)
        if time.monotonic() - told_at > TELL_EVERY_S:
            told_at = time.monotonic()
            _say(f"{done} of {runs} runs, {len(failed)} failed, {_rate(done, begun)} a minute")
    _say(f"{done} runs from seed {first}: {len(failed)} failed, {_rate(done, begun)} a minute")
    _say("met: " + ", ".join(f"{count} {what}" for what, count in sorted(met.items())))
    if runs == 1:
        _say(f"trace: {outcome.digest}")
    return 1 if failed else 0


def _outcomes(seeds: range, processes: int) -> Iterator[Outcome]:
    if processes == 1:
        yield from map(simulate, seeds)
        return
    with multiprocessing.get_context("spawn").Pool(processes) as pool:
        yield from pool.imap(simulate_lightly, seeds, chunksize=20)


def _show(outcome: Outcome, *, trace: bool) -> None:
    _say(f"seed {outcome.seed} fails; make simulate RUNS=1 SEED={outcome.seed} runs it again")
    for line in outcome.trace[-TRACE_SHOWN:] if trace else ():
        _say(f"    {line}")
    for problem in outcome.problems:
        _say(f"  {problem}")


def _rate(done: int, begun: float) -> int:
    return round(done / max(time.monotonic() - begun, 0.001) * 60)


def _say(text: str) -> None:
    sys.stdout.write(f"{text}\n")
    sys.stdout.flush()


if __name__ == "__main__":
    sys.exit(main())
