"""harness.py: measures Echolon beside its peers and says what came out.

A module (rolling.py, ...) makes its data and names its rows.  A row is one task
that several contenders solve.  Each runs once for its result: it must agree
with the oracle's, or, where models are fitted, reach the row's quality.  Then all run in turn, so that whatever else
happens on the machine hits them alike.  What counts are medians and their ratios.
"""
import dataclasses
import math
import os
import statistics
import time
from typing import Callable

import adbc_driver_postgresql.dbapi
import numpy


@dataclasses.dataclass(frozen=True)
class Unit:
    """What a row measures: seconds, or bytes that the runs return."""
    name: str
    factor: float  # of a second, or of a byte

    def text(self, value):
        return f"{self.factor * value:,.0f}"


MILLISECONDS = Unit("ms", 1000)
MEGABYTES = Unit("MB", 2 ** -20)


@dataclasses.dataclass
class Contender:
    """One way to solve a row's task."""
    name: str
    clear: Callable[[], None]  # removes what the last run left; its time does not count
    run: Callable[[], object]  # does it once; may return a dictionary of seconds of its parts, or what is measured in place of the time
    result: Callable[[], numpy.ndarray] | None  # of the last run: rows by columns; None: only a yardstick
    tolerance: float = 1e-9  # largest relative difference from the oracle
    # Filled in by measure().
    difference: float = 0.0
    quality: float = math.nan
    values: list = dataclasses.field(default_factory=list)
    parts: dict = dataclasses.field(default_factory=dict)
    error: str = ""

    @property
    def median(self):
        return statistics.median(self.values) if self.values else math.nan


@dataclasses.dataclass
class Target:
    """`who` must take at most `ratio` of the time (or memory) of `peer`; of several peers, of the fastest that is as good."""
    who: str
    peer: str | tuple
    ratio: float

    def reached(self, row):
        """(the ratio reached or None, the peer's name)"""
        who = row.contender(self.who)
        names = (self.peer,) if isinstance(self.peer, str) else self.peer
        peers = [c for c in map(row.contender, names) if not c.error and row.as_good(c, who)]
        if who.error or not peers:
            return None, " or ".join(names)
        fastest = min(peers, key=lambda c: c.median)
        return who.median / fastest.median, fastest.name

    def must(self):
        return f"≤ {self.ratio:.3f}"

    def text(self, row):
        ratio, peer = self.reached(row)
        return "" if ratio is None else f"{ratio:.3f} of {peer}"

    def met(self, row):
        ratio, _ = self.reached(row)
        return ratio is not None and ratio <= self.ratio


@dataclasses.dataclass
class Limit:
    """`who` must take at most so many microseconds for each of `n` rows."""
    who: str
    microseconds: float
    n: int

    def must(self):
        return f"≤ {self.microseconds:g} us a row"

    def reached(self, row):
        who = row.contender(self.who)
        return None if who.error else who.median * 1e6 / self.n

    def text(self, row):
        reached = self.reached(row)
        return "" if reached is None else f"{reached:.2f} us a row"

    def met(self, row):
        reached = self.reached(row)
        return reached is not None and reached <= self.microseconds


@dataclasses.dataclass
class Ceiling:
    """`who` must take at most so many bytes."""
    who: str
    bytes: float

    def must(self):
        return f"≤ {MEGABYTES.text(self.bytes)} MB"

    def text(self, row):
        who = row.contender(self.who)
        return "" if who.error else f"{MEGABYTES.text(who.median)} MB"

    def met(self, row):
        who = row.contender(self.who)
        return not who.error and who.median <= self.bytes


@dataclasses.dataclass
class Quality:
    """How good a result is: `measure(result)`; Echolon's must reach `must`."""
    name: str
    measure: Callable[[numpy.ndarray], float]
    must: float
    higher: bool = True
    equal: float = 0.005  # so much worse is as good

    def reaches(self, value, must):
        return value >= must if self.higher else value <= must

    def text(self):
        return f"{self.name} {'≥' if self.higher else '≤'} {self.must:g}"


@dataclasses.dataclass
class Row:
    name: str
    title: str
    contenders: list  # the first one is the oracle, unless the row has a quality
    targets: list = dataclasses.field(default_factory=list)
    quality: Quality | None = None
    unit: Unit = MILLISECONDS

    def contender(self, name):
        return next(c for c in self.contenders if c.name == name)

    def as_good(self, peer, who):
        """A result of lower accuracy is not a win, and is none to be beaten."""
        if self.quality is None or math.isnan(peer.quality):
            return True
        worse = -self.quality.equal if self.quality.higher else self.quality.equal
        return self.quality.reaches(peer.quality, who.quality + worse)

    def verdicts(self):
        """(target, met) of each target."""
        for target in self.targets:
            yield target, target.met(self)


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
    """(what is measured, seconds, parts) of one run; what fails is out of the race and says why."""
    try:
        contender.clear()
        begin = time.perf_counter()
        parts = contender.run()
        seconds = time.perf_counter() - begin
    except Exception as error:
        contender.error = str(error).splitlines()[0]
        return math.nan, math.nan, {}
    return parts if isinstance(parts, float) else seconds, seconds, parts if isinstance(parts, dict) else {}


def measure(row, repeat):
    """Fill in what the row's contenders reached."""
    oracle = None
    slowest = 0.0
    for contender in row.contenders:
        _, seconds, _ = run_once(contender)
        if contender.error:
            continue
        slowest = max(slowest, seconds)
        if contender.result is None:
            continue
        result = contender.result()
        if row.quality is not None:
            contender.quality = row.quality.measure(result)
            if contender.name.startswith("Echolon") and not row.quality.reaches(contender.quality, row.quality.must):
                contender.error = f"not good enough: {row.quality.name} {contender.quality:.4f}, must be {row.quality.text()}"
            continue
        if oracle is None:
            oracle = result
        contender.difference = difference(result, oracle)
        if not contender.difference <= contender.tolerance:
            contender.error = f"wrong: differs from {row.contenders[0].name} by {contender.difference:.1e}"
    racing = [c for c in row.contenders if not c.error]
    if slowest > 10:
        repeat = min(repeat, 3)
    for turn in range(repeat if racing else 0):
        shift = turn % len(racing)
        for contender in racing[shift:] + racing[:shift]:
            value, _, parts = run_once(contender)
            contender.values.append(value)
            for name, part in parts.items():
                contender.parts.setdefault(name, []).append(part)
