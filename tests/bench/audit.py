"""The auditor's work: balances from columns, full verification, replay; with what reading costs.

`POLARS_MAX_THREADS=1 python -m tests.bench.audit [--entries N] [--citizens N] [--seed N]
[--processes N] [--folder DIR]` generates a journal (real bytes, chains and balances) into Parquet
files, folds balances from their columns, loads all into a PostgreSQL of its own, and proves and
replays it there. Beside each figure stands that of reading the same bytes in the same processes
and doing nothing with them, in the same run.
"""

import argparse
import gc
import importlib.metadata
import os
import platform
import resource
import subprocess
import sys
import tempfile
import threading
import time
import timeit
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final, NamedTuple

import orjson
import polars as pl
import psutil

from cli import proof_bulk, replay_bulk
from cli.journal import (
    ENTRIES_PER_PIECE,
    Citizens,
    auditor,
    copy_out,
    export_snapshot,
    pieces,
    same_snapshot,
    work_through,
)
from cli.replay_fold import Selection
from cli.replay_rules import read_rules
from cli.replay_sources import ROWS
from cli.settings import AUDITOR_URL
from cli.verify import check_in_bulk, read_in_bulk
from deploy.local.stack import Stack
from frikort_contracts.topics import PARTITIONS
from tests.bench.audit_history import rules, write_partition
from tests.bench.audit_load import load

SAY = sys.stdout.write
SAMPLE_S: Final = 0.05
FOLDED: Final = ("citizen_id", "year", "covered_ore", "excess_ore")
PIECES_ALONE: Final = 20
"""So many pieces are done by one process alone as well: what one core does, undisturbed."""


@dataclass(slots=True)
class Measured:
    """Seconds on the clock and of processors, and the most memory that all processes held."""

    wall_s: float = 0.0
    cpu_s: float = 0.0
    peak_mb: float = 0.0


def generate(task: tuple[Path, int, int, int, int]) -> int:
    """Write one partition's files; give the number of entries."""
    folder, seed, citizens, partition, each = task
    part = write_partition(seed, citizens, partition, each)
    for kind in ("journal", "heads", "balances"):
        frame: pl.DataFrame = getattr(part, kind)
        path = folder / f"{kind}-{partition}.parquet"
        frame.write_parquet(path, compression="lz4", row_group_size=ENTRIES_PER_PIECE)
    return len(part.journal)


class Task(NamedTuple):
    """Some citizens of the journal, as a snapshot of a database sees them."""

    url: str
    snapshot: str
    citizens: Citizens


def copy_only(task: Task) -> tuple[int, float]:
    """Read a piece's bytes out of PostgreSQL and do nothing; give how many, and seconds."""
    began = time.process_time()
    return sum(map(len, _sent(task))), time.process_time() - began


def prove_only(task: Task) -> tuple[int, float]:
    """Read a piece's bytes and prove them; give the entries and the proof's own seconds."""
    proof_bulk.compile_now()
    sent, entries = _sent(task), [orjson.loads(rule["bytes"]) for rule in rules()]
    began = time.process_time()
    found = check_in_bulk(sent, entries)
    assert not found.doubted, "something is in doubt"
    return found.entries, time.process_time() - began


def replay_only(task: Task) -> tuple[int, float]:
    """Read a piece's bytes and decide them again; give the entries and the replay's seconds."""
    replay_bulk.compile_now()
    with same_snapshot({AUDITOR_URL: task.url}, task.snapshot) as connection:
        sent = copy_out(connection, task.citizens.of(ROWS))
    book = read_rules(rule["bytes"] for rule in rules())
    began = time.process_time()
    found = replay_bulk.replay_table(sent, book, Selection())
    assert not found.differences, found.differences
    return found.entries, time.process_time() - began


def _sent(task: Task) -> list[bytes]:
    with same_snapshot({AUDITOR_URL: task.url}, task.snapshot) as connection:
        return read_in_bulk(connection, task.citizens)


def fold_balances(rows: pl.DataFrame) -> pl.DataFrame:
    """Fold each citizen's years from the columns alone: covered, excess and how many entries."""
    return (
        rows.lazy()
        .filter(pl.col("covered_ore").is_not_null())
        .group_by("citizen_id", "year")
        .agg(pl.col("covered_ore").sum(), pl.col("excess_ore").sum(), entries=pl.len())
        .collect()
    )


def fold(folder: Path, entries: int) -> None:
    """Measure balances from columns in this process, on one thread."""
    assert pl.thread_pool_size() == 1, "start with POLARS_MAX_THREADS=1"
    folded_s = read_s = 0.0
    balances = 0
    for partition in range(PARTITIONS):
        began = time.process_time()
        rows = pl.read_parquet(folder / f"journal-{partition}.parquet", columns=list(FOLDED))
        read_s += time.process_time() - began
        began = time.process_time()
        balances += len(fold_balances(rows))
        folded_s += time.process_time() - began
    SAY(
        f"balances from columns, one core: {entries / folded_s:,.0f} entries/s folded, "
        f"{entries / (folded_s + read_s):,.0f} with reading them; {balances:,} balances\n"
    )


@contextmanager
def measured() -> Iterator[Measured]:
    """Measure what this process takes from now on, and all of those that it starts meanwhile."""
    gc.collect()
    found, done, me = Measured(), threading.Event(), psutil.Process()
    before, held_before = {child.pid for child in me.children(recursive=True)}, _held(me)

    def watch() -> None:
        while not done.wait(SAMPLE_S):
            started = [c for c in me.children(recursive=True) if c.pid not in before]
            held = _held(me) - held_before + sum(map(_held, started))
            found.peak_mb = max(found.peak_mb, held / 2**20)

    watcher = threading.Thread(target=watch)
    began, cpu_s = time.perf_counter(), _cpu_s()
    watcher.start()
    try:
        yield found
    finally:
        done.set()
        watcher.join()
        found.wall_s, found.cpu_s = time.perf_counter() - began, _cpu_s() - cpu_s


def _held(process: psutil.Process) -> int:
    """Give the memory of a Python process; PostgreSQL's own processes are not ours."""
    try:
        return int(process.memory_info().rss) if "python" in process.name() else 0
    except psutil.NoSuchProcess:
        return 0


def _cpu_s() -> float:
    """Add up the processor seconds of this process and of its children that have ended."""
    used = [resource.getrusage(who) for who in (resource.RUSAGE_SELF, resource.RUSAGE_CHILDREN)]
    return sum(each.ru_utime + each.ru_stime for each in used)


def report(what: str, entries: int, found: Measured, nothing: Measured | None = None) -> None:
    """Print one figure, and its ratio to reading the same and doing nothing."""
    ratio = "" if nothing is None else f", {found.wall_s / nothing.wall_s:.1f} times reading alone"
    SAY(
        f"{what:<44}{entries:>10,} in {found.wall_s:7.1f} s = {entries / found.wall_s:>9,.0f} /s"
        f" ({entries / found.cpu_s:>9,.0f} per processor second){ratio}; "
        f"peak {found.peak_mb:,.0f} MB, load {os.getloadavg()[0]:.1f}\n"
    )


def run(task: Callable[[Any], Any], work: list[Any], processes: int) -> tuple[Measured, list[Any]]:
    """Do all pieces in as many processes, and measure it."""
    with measured() as found:
        results = list(work_through(task, work, processes=processes))
    return found, results


def on_postgres(stack: Stack, folder: Path, entries: int, processes: int) -> None:
    """Measure on a database of its own."""
    began = time.perf_counter()
    load(stack.database_url("allowance", "owner"), folder)
    SAY(f"loaded into PostgreSQL in {time.perf_counter() - began:.0f} s\n")
    environment = {AUDITOR_URL: stack.database_url("allowance", "auditor")}
    with auditor(environment) as connection:
        common = environment[AUDITOR_URL], export_snapshot(connection)
        work = [Task(*common, citizens) for citizens in pieces(connection)]
        nothing, sent = run(copy_only, work, processes)
        report("copied out of PostgreSQL, nothing done", entries, nothing)
        read_s = sum(seconds for _, seconds in sent) / entries
        read_gib = sum(count for count, _ in sent) / 2**30
        SAY(f"  {read_gib:.1f} GiB; per processor second of ours {1 / read_s:,.0f} entries\n")
        for what, task in (("proved", prove_only), ("decided again", replay_only)):
            _, both = run(task, work, processes)
            alone = [task(each) for each in work[:: max(1, len(work) // PIECES_ALONE)]]
            for how, done in ((f"{processes} processes", both), ("one process alone", alone)):
                each_s = sum(seconds for _, seconds in done) / sum(count for count, _ in done)
                SAY(
                    f"  {what}, once read, {how}: {1 / each_s:,.0f} entries per processor "
                    f"second; with reading {(read_s + each_s) / read_s:.1f} times reading alone\n"
                )
    for command in ("verify", "replay"):
        with measured() as found:
            said = _told(command, environment)
        assert (said["entries"], said["faults" if command == "verify" else "differences"]) == (
            entries,
            [],
        )
        report(f"frikort ledger {command}", entries, found, nothing)


def _told(command: str, environment: dict[str, str]) -> dict[str, Any]:
    asked = [sys.executable, "-m", "cli.main", "ledger", command, "--json"]
    done = subprocess.run(
        asked, env={**os.environ, **environment}, stdout=subprocess.PIPE, check=False
    )
    said: dict[str, Any] = orjson.loads(done.stdout)
    return said


def describe_machine() -> None:
    """Print the machine, how fast it is right now, and the versions."""
    names = ("polars", "orjson", "psycopg")
    versions = ", ".join(f"{name} {importlib.metadata.version(name)}" for name in names)
    loop_us = min(timeit.repeat("sum(range(1000))", number=1000, repeat=20)) * 1000
    SAY(f"machine: {os.cpu_count()} cores, {platform.platform()}, load {os.getloadavg()[0]:.1f}, ")
    SAY(f"sum(range(1000)) in {loop_us:.0f} µs\n")
    SAY(f"versions: Python {platform.python_version()}, {versions}, PostgreSQL 18\n")


def main() -> None:
    """Run the bench."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--entries", type=int, default=5_000_000)
    parser.add_argument("--citizens", type=int, default=50_000)
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--processes", type=int, default=os.cpu_count() or 1)
    parser.add_argument("--folder", type=Path, help="keep the generated files here, or find them")
    arguments = parser.parse_args()
    describe_machine()
    with tempfile.TemporaryDirectory() as home:
        folder = arguments.folder or Path(home)
        entries = prepare(folder, arguments)
        fold(folder, entries)
        stack = Stack.temporary(Path(home))
        stack.start_servers()
        try:
            stack.provision()
            on_postgres(stack, folder, entries, arguments.processes)
        finally:
            stack.erase()


def prepare(folder: Path, arguments: argparse.Namespace) -> int:
    """Generate the journal unless the folder has it; give the number of entries."""
    folder.mkdir(exist_ok=True)
    each = arguments.entries // arguments.citizens
    if not (folder / "journal-0.parquet").exists():
        work = [(folder, arguments.seed, arguments.citizens, p, each) for p in range(PARTITIONS)]
        with measured() as found:
            entries = sum(work_through(generate, work, processes=arguments.processes))
        report("generated", entries, found)
    files = pl.scan_parquet(folder / "journal-*.parquet")
    total = int(files.select(pl.len()).collect().item())
    size = sum(path.stat().st_size for path in folder.glob("journal-*.parquet"))
    held = int(files.select(pl.col("bytes").bin.size().cast(pl.Int64).sum()).collect().item())
    SAY(
        f"journal: {total:,} entries of {arguments.citizens:,} citizens, seed {arguments.seed}, "
        f"{held / total:.0f} bytes an entry, {size / 2**30:.1f} GiB as Parquet\n"
    )
    return total


if __name__ == "__main__":
    main()
