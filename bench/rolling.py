"""rolling.py: rolling features, Echolon beside PostgreSQL's own windows, pandas and DuckDB.

Daily sales of shops: a group, a date, a value as float8 and as numeric.  A date does not repeat
within a group: rows of one day see each other in a RANGE frame, later ones included, and in
Echolon and pandas they don't, so there would be nothing to compare.
"""
import time

import duckdb
import numpy
import pandas
import pyarrow

from harness import Contender, Row, Target, matrix

TITLE = "Rolling features, {rows:,} rows in {groups} groups"
NOTES = """\
Every run writes all rows with their features into a new table: unlogged in PostgreSQL, in memory in DuckDB, whose data
is there from the start. pandas reads and writes through ADBC (Arrow over binary COPY); PostgreSQL's own windows are
named and sorted once, with `work_mem` for all."""

ROWS = {
    "five-float8": "mean and stddev over 7 rows, 7-day mean, running sum, percent change; float8",
    "five-numeric": "the same, numeric",
    "mean-365": "mean over 365 rows, float8",
    "mean-365-numeric": "mean over 365 rows, numeric (PostgreSQL can take numeric values out of a sum again)",
    "min-30": "minimum over 30 rows",
    "median-30": "median over 30 rows (not possible as a window of PostgreSQL)",
}

# name: (SQL over {c}, Echolon's term)
FEATURES = {
    "mean_7": ("avg({c}) OVER rows_7", "mean 7 min_periods 1"),
    "stddev_7": ("stddev_samp({c}) OVER rows_7", "stddev 7"),
    "mean_7_days": ("avg({c}) OVER days_7", "mean 7 days"),
    "running_sum": ("sum({c}) OVER running", "sum expanding"),
    "change": ("{c} / lag({c}) OVER running - 1", "pct_change 1"),
    "mean_365": ("avg({c}) OVER rows_365", "mean 365 min_periods 1"),
    "min_30": ("min({c}) OVER rows_30", "min 30 min_periods 1"),
    "median_30": ("median({c}) OVER rows_30", "median 30 min_periods 1"),
}
FIVE = ["mean_7", "stddev_7", "mean_7_days", "running_sum", "change"]
WINDOWS = {
    "running": "ROWS UNBOUNDED PRECEDING",
    "rows_7": "ROWS 6 PRECEDING",
    "days_7": "RANGE INTERVAL '6 days' PRECEDING",
    "rows_30": "ROWS 29 PRECEDING",
    "rows_365": "ROWS 364 PRECEDING",
}


class World:
    """What the contenders work on; set by prepare()."""
    server = None
    duck = None


def prepare(server, rows, groups):
    """Make the data, the same in the server and in DuckDB; the peers' versions."""
    # Days by groups, a fifth of the days missing, in the order of the days.
    random = numpy.random.default_rng(7)
    days = rows // (groups * 4 // 5 or 1) + 100
    day, group = numpy.nonzero(random.random((days, groups)) < 0.8)
    day, group = day[:rows], group[:rows]
    assert len(day) == rows
    level = numpy.exp(random.normal(5, 0.7, groups))
    value = level[group] * (1 + 0.3 * numpy.sin(2 * numpy.pi * day / 365.25)) * numpy.exp(random.normal(0, 0.4, rows))
    dates = numpy.datetime64("1980-01-01") + day
    made = pyarrow.table({"id": pyarrow.array(range(1, rows + 1), pyarrow.int32()), "g": group.astype("int32"),
                          "t": pyarrow.array(dates, pyarrow.date32()), "v": value.round(2)})
    server.execute("CREATE TABLE made (id int4, g int4, t date, v float8)")
    server.write("made", made)
    server.execute("CREATE TABLE data AS SELECT *, v::numeric(12, 2) AS n FROM made ORDER BY id")
    server.execute("DROP TABLE made")
    server.execute("ALTER TABLE data ADD PRIMARY KEY (id)")
    server.execute("VACUUM ANALYZE data")
    server.execute("CHECKPOINT")
    World.server = server
    World.duck = duckdb.connect(config={"threads": 2, "preserve_insertion_order": False})
    World.duck.execute("CREATE TABLE data AS SELECT *, v::decimal(12, 2) AS n FROM made")
    return {"pandas": pandas.__version__, "DuckDB": duckdb.__version__, "numpy": numpy.__version__}


def select(features, column):
    """The features by named windows, as PostgreSQL and DuckDB both read it."""
    items = [f"{FEATURES[name][0].format(c=column)} AS {name}" for name in features]
    windows = [f"{name} AS (PARTITION BY g ORDER BY t {frame})" for name, frame in WINDOWS.items()
               if any(name in item.split() for item in items)]
    return f"SELECT id, g, t, {', '.join(items)} FROM data WINDOW {', '.join(windows)}"


def in_server(name, query, features):
    """A contender that is a query of the server."""
    server = World.server
    table = name.split()[-1].strip("()").lower() + "_output"

    columns = ", ".join(f"{feature}::float8" for feature in features)
    return Contender(name, lambda: server.execute(f"DROP TABLE IF EXISTS {table}"),
                     lambda: server.execute(f"CREATE UNLOGGED TABLE {table} AS {query}"),
                     lambda: matrix(server.arrow(f"SELECT {columns} FROM {table} ORDER BY id")))


def postgres(features, column):
    return in_server("PostgreSQL", select(features, column), features)


def window_function(features, column):
    """The query that Echolon's views consist of."""
    terms = ",".join(FEATURES[name][1] for name in features)
    items = ", ".join(f"r[{place}] AS {name}" for place, name in enumerate(features, 1))
    return in_server("Echolon (view)", f"""
        SELECT id, g, t, {items}
        FROM (SELECT id, g, t, echolon_rolling({column}, t, '{{{terms}}}') OVER (PARTITION BY g ORDER BY t, id) AS r
              FROM data) AS s""", features)


def in_duck(features, column):
    duck = World.duck
    columns = ", ".join(f"{feature}::double" for feature in features)

    def run():
        duck.execute(f"CREATE TABLE output AS {select(features, column)}")

    # Its sums are not exact, nor compensated in windows of any length.
    return Contender("DuckDB", lambda: duck.execute("DROP TABLE IF EXISTS output"), run,
                     lambda: matrix(duck.sql(f"SELECT {columns} FROM output ORDER BY id").to_arrow_table()), tolerance=1e-6)


def in_pandas():
    """The five features the way of a notebook: pull, compute, write back."""
    server = World.server
    made = {}

    def run():
        frame = pandas.read_sql("SELECT id, g, t, v FROM data", server.connection)
        frame["t"] = pandas.to_datetime(frame["t"])
        pulled = time.perf_counter()
        frame = frame.sort_values(["g", "t", "id"], ignore_index=True)
        groups = frame.groupby("g")["v"]
        last_seven = groups.rolling(7, min_periods=1)
        frame["mean_7"] = last_seven.mean().to_numpy()
        frame["stddev_7"] = last_seven.std().to_numpy()
        frame["mean_7_days"] = frame.groupby("g").rolling("7D", on="t")["v"].mean().to_numpy()
        frame["running_sum"] = groups.cumsum()
        frame["change"] = groups.pct_change()
        computed = time.perf_counter()
        server.execute("CREATE UNLOGGED TABLE pandas_output (id int4, g int4, t date, mean_7 float8, stddev_7 float8,"
                       " mean_7_days float8, running_sum float8, change float8)")
        table = pyarrow.Table.from_pandas(frame.drop(columns="v"), preserve_index=False)
        server.write("pandas_output", table.set_column(2, "t", table["t"].cast(pyarrow.date32())))
        made["frame"] = frame
        return {"compute alone": computed - pulled}

    # Values leave its windows by subtraction.
    return Contender("pandas", lambda: server.execute("DROP TABLE IF EXISTS pandas_output"), run,
                     lambda: made["frame"].sort_values("id")[FIVE].to_numpy(), tolerance=1e-6)


def row(name):
    """The row's contenders and what Echolon must reach."""
    def targets(ratio):
        return [Target("Echolon (view)", "PostgreSQL", ratio)]

    title = ROWS[name]
    if name == "five-float8":
        return Row(name, title, [postgres(FIVE, "v"), in_pandas(), in_duck(FIVE, "v"), window_function(FIVE, "v")], targets(1 / 2))
    if name == "five-numeric":
        return Row(name, title, [postgres(FIVE, "n"), in_duck(FIVE, "n"), window_function(FIVE, "n")], targets(1 / 3))
    feature, column = {"mean-365": ("mean_365", "v"), "mean-365-numeric": ("mean_365", "n"),
                       "min-30": ("min_30", "v"), "median-30": ("median_30", "v")}[name]
    peers = [in_duck([feature], column), window_function([feature], column)]
    if name == "median-30":
        return Row(name, title, peers)
    return Row(name, title, [postgres([feature], column)] + peers, {"mean-365": targets(1 / 12), "min-30": targets(1 / 2)}.get(name, []))
