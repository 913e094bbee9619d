"""harness.py: measures Echolon beside its peers and says what came out.

A module (rolling.py, ...) makes its data and names its rows.  A row is one task
that several contenders solve.  Each runs once for its result, which must agree
with the oracle's; then all run in turn, so that whatever else happens on the
machine hits them alike.  What counts are medians and their ratios.
"""
import dataclasses
import math
import os
import statistics
import time
from typing import Callable

import adbc_driver_postgresql.dbapi
import numpy


@dataclasses.dataclass
class Contender:
    """One way to solve a row's task."""
    name: str
    clear: Callable[[], None]  # removes what the last run left; its time does not count
    run: Callable[[], object]  # does it once; may return a dictionary of seconds of its parts
    result: Callable[[], numpy.ndarray] | None  # of the last run: rows by columns; None: only a yardstick
    tolerance: float = 1e-9  # largest relative difference from the oracle
    # Filled in by measure().
    difference: float = 0.0
    seconds: list = dataclasses.field(default_factory=list)
    parts: dict = dataclasses.field(default_factory=dict)
    error: str = ""

    @property
    def median(self):
        return statistics.median(self.seconds) if self.seconds else math.nan


@dataclasses.dataclass
class Target:
    """`who` must take at most `ratio` of the time of `peer`."""
    who: str
    peer: str
    ratio: float


@dataclasses.dataclass
class Row:
    name: str
    title: str
    contenders: list  # the first one is the oracle
    targets: list = dataclasses.field(default_factory=list)

    def contender(self, name):
        return next(c for c in self.contenders if c.name == name)

    def verdicts(self):
        """(target, ratio reached or None, met) of each target."""
        for target in self.targets:
            who, peer = self.contender(target.who), self.contender(target.peer)
            if who.error or peer.error:
                yield target, None, False
            else:
                ratio = who.median / peer.median
                yield target, ratio, ratio <= target.ratio


class Server:
    """The private server, through one session with settings that suit all."""
    # A sort fits into memory.  Parallel workers made windows slower, since their rows have to be sent.
    SETTINGS = {"work_mem": "1GB", "max_parallel_workers_per_gather": "0", "jit": "on"}

    def __init__(self):
        self.connection = adbc_driver_postgresql.dbapi.connect(
            "postgresql:///{PGDATABASE}?host={PGHOST}&port={PGPORT}&user={PGUSER}".format(**os.environ), autocommit=True)
        for name, value in self.SETTINGS.items():
            self.execute(f"SET {name} = '{value}'")

    def execute(self, sql):
        with self.connection.cursor() as cursor:
            cursor.execute(sql)

    def arrow(self, sql):
        with self.connection.cursor() as cursor:
            cursor.execute(sql)
            return cursor.fetch_arrow_table()

    def value(self, sql):
        return self.arrow(sql).column(0)[0].as_py()

    def write(self, table, data):
        """Append an Arrow table."""
        with self.connection.cursor() as cursor:
            cursor.adbc_ingest(table, data, mode="append")


def matrix(table):
    """An Arrow table of numbers as floats; NULL is NaN."""
    return numpy.column_stack([column.to_numpy().astype(float) for column in table.columns])


def difference(ours, oracle):
    """
    The largest relative difference; infinity where one has a NULL and the other has not.  Values
    a million times smaller than their column's usual size (differences of nearly equal numbers)
    are measured against that.
    """
    if ours.shape != oracle.shape or not numpy.array_equal(numpy.isnan(ours), numpy.isnan(oracle)):
        return math.inf
    size = numpy.maximum(numpy.abs(ours), numpy.abs(oracle))
    size = numpy.maximum(size, 1e-6 * numpy.sqrt(numpy.nanmean(oracle ** 2, axis=0)))
    return float(numpy.nanmax(numpy.abs(ours - oracle) / numpy.where(size > 0, size, 1)))


def run_once(contender):
    """Seconds of one run; what fails is out of the race and says why."""
    try:
        contender.clear()
        begin = time.perf_counter()
        parts = contender.run()
        seconds = time.perf_counter() - begin
    except Exception as error:
        contender.error = str(error).splitlines()[0]
        return math.nan, {}
    return seconds, parts if isinstance(parts, dict) else {}


def measure(row, repeat):
    """Fill in what the row's contenders reached."""
    oracle = None
    slowest = 0.0
    for contender in row.contenders:
        seconds, _ = run_once(contender)
        if contender.error:
            continue
        slowest = max(slowest, seconds)
        if contender.result is None:
            continue
        result = contender.result()
        if oracle is None:
            oracle = result
        contender.difference = difference(result, oracle)
        if not contender.difference <= contender.tolerance:
            contender.error = f"wrong: differs from {row.contenders[0].name} by {contender.difference:.1e}"
    racing = [c for c in row.contenders if not c.error]
    if slowest > 10:
        repeat = min(repeat, 3)
    for turn in range(repeat):
        shift = turn % len(racing)
        for contender in racing[shift:] + racing[:shift]:
            seconds, parts = run_once(contender)
            contender.seconds.append(seconds)
            for name, part in parts.items():
                contender.parts.setdefault(name, []).append(part)
