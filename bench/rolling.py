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
Every run writes all rows with their features into a new table: unlogged in PostgreSQL, in memory in DuckDB, which has its
data in memory from the start. "And back" is the way of a notebook: pull the table, compute, write the result to PostgreSQL,
both ways through ADBC (Arrow over binary COPY). PostgreSQL's own windows are named and sorted once, with `work_mem` for all.
"View" is the query that a feature set's view is, "materialized" what a materialized one is filled by; its set has the five
features and three more, which the query does not read."""

ROWS = {
    "five-float8": "mean and stddev over 7 rows, 7-day mean, running sum, percent change; float8",
    "five-numeric": "the same, numeric",
    "mean-365": "mean over 365 rows, float8",
    "mean-365-numeric": "mean over 365 rows, numeric (PostgreSQL can take numeric values out of a sum again)",
    "min-30": "minimum over 30 rows",
    "median-30": "median over 30 rows (not possible as a window of PostgreSQL)",
}

TABLES = {"sales": "float8", "sales_numeric": "numeric(12, 2)"}

# name: (SQL, Echolon's term)
FEATURES = {
    "mean_7": ("avg(v) OVER rows_7", "mean 7 min_periods 1"),
    "stddev_7": ("stddev_samp(v) OVER rows_7", "stddev 7 min_periods 1"),
    "mean_7_days": ("avg(v) OVER days_7", "mean 7 days"),
    "running_sum": ("sum(v) OVER running", "sum expanding"),
    "change": ("v / lag(v) OVER running - 1", "pct_change 1"),
    "mean_365": ("avg(v) OVER rows_365", "mean 365 min_periods 1"),
    "min_30": ("min(v) OVER rows_30", "min 30 min_periods 1"),
    "median_30": ("median(v) OVER rows_30", "median 30 min_periods 1"),
}
# name in a feature set, with three more that come with them
SET_FEATURES = {"mean_7": "v_roll7_mean", "stddev_7": "v_roll7_stddev", "mean_7_days": "v_roll7d_mean", "running_sum": "v_cumsum",
                "change": "v_pct1"}
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


def prepare(server, rows, groups, names):
    """Make the data, the same in the server and in DuckDB; the peers' versions."""
    # Days by groups, a fifth of the days missing, in the order of the days.
    random = numpy.random.default_rng(7)
    days = int(rows / (0.75 * groups)) + 100
    day, group = numpy.nonzero(random.random((days, groups)) < 0.8)
    day, group = day[:rows], group[:rows]
    level = numpy.exp(random.normal(5, 0.7, groups))
    value = level[group] * (1 + 0.3 * numpy.sin(2 * numpy.pi * day / 365.25)) * numpy.exp(random.normal(0, 0.4, rows))
    dates = numpy.datetime64("1980-01-01") + day
    made = pyarrow.table({"id": pyarrow.array(range(1, rows + 1), pyarrow.int32()), "g": group.astype("int32"),
                          "t": pyarrow.array(dates, pyarrow.date32()), "v": value.round(2)})
    server.execute("CREATE TABLE made (id int4, g int4, t date, v float8)")
    server.write("made", made)
    World.duck = duckdb.connect(config={"threads": 2, "preserve_insertion_order": False})
    for table, sqltype in TABLES.items():
        server.execute(f"CREATE TABLE {table} AS SELECT id, g, t, v::{sqltype} AS v FROM made ORDER BY id")
        server.execute(f"ALTER TABLE {table} ADD PRIMARY KEY (id)")
        server.execute(f"VACUUM ANALYZE {table}")
        World.duck.execute(f"CREATE TABLE {table} AS SELECT id, g, t, v::{sqltype} AS v FROM made")
    server.execute("DROP TABLE made")
    server.execute("CHECKPOINT")
    World.server = server
    return {"pandas": pandas.__version__, "DuckDB": duckdb.__version__, "numpy": numpy.__version__}


def select(features, table):
    """The features by named windows, as PostgreSQL and DuckDB both read it."""
    items = [f"{FEATURES[name][0]} AS {name}" for name in features]
    windows = [f"{name} AS (PARTITION BY g ORDER BY t {frame})" for name, frame in WINDOWS.items()
               if any(name in item.split() for item in items)]
    return f"SELECT id, g, t, {', '.join(items)} FROM {table} WINDOW {', '.join(windows)}"


def in_server(name, run, features):
    """A contender that makes the table output in the server."""
    server = World.server
    columns = ", ".join(f"{feature}::float8" for feature in features)
    return Contender(name, lambda: server.execute("DROP TABLE IF EXISTS output"), run,
                     lambda: matrix(server.arrow(f"SELECT {columns} FROM output ORDER BY id")))


def query(name, sql, features):
    """One that is a query."""
    return in_server(name, lambda: World.server.execute(f"CREATE UNLOGGED TABLE output AS {sql}"), features)


def postgres(features, table):
    return query("PostgreSQL", select(features, table), features)


def view(features, table):
    """What Echolon's views consist of."""
    terms = ",".join(FEATURES[name][1] for name in features)
    items = ", ".join(f"r[{place}] AS {name}" for place, name in enumerate(features, 1))
    return query("Echolon (view)", f"""
        SELECT id, g, t, {items}
        FROM (SELECT id, g, t, echolon_rolling(v, t, '{{{terms}}}') OVER (PARTITION BY g ORDER BY t, id) AS r
              FROM {table}) AS s""", features)


def materialized(table):
    """What a materialized feature set is filled by; the set has three features more, which are not read."""
    server = World.server
    server.execute(f"""
        SELECT echolon_create_features('{table}_features', '{table}', 't', '{{v}}', '{{}}', '{{g}}', families => '{{rolling}}',
          rolling_windows => '{{7,7 days}}', statistics => '{{mean,stddev}}', running => '{{sum}}', min_periods => 1)""")
    columns = server.value(f"""
        SELECT string_agg(format('%I %s', attname, format_type(atttypid, atttypmod)), ', ' ORDER BY attnum)
        FROM pg_attribute WHERE attrelid = '{table}_features'::regclass AND attnum > 0""")
    items = ", ".join(f"{column} AS {name}" for name, column in SET_FEATURES.items())
    return query("Echolon (materialized)", f"SELECT id, g, t, {items} FROM echolon_feature_rows('{table}_features') AS f ({columns})",
                 FIVE)


def duck(features, table):
    database = World.duck
    columns = ", ".join(f"{feature}::double" for feature in features)
    contender = Contender(
        "DuckDB", lambda: database.execute("DROP TABLE IF EXISTS output"),
        lambda: database.execute(f"CREATE TABLE output AS {select(features, table)}"),
        lambda: matrix(database.sql(f"SELECT {columns} FROM output ORDER BY id").to_arrow_table()))
    contender.tolerance = 1e-6  # sums of its own
    return contender


def pandas_features(sales):
    """The five features by pandas, of an Arrow table, as one."""
    frame = sales.to_pandas()
    frame["t"] = pandas.to_datetime(frame["t"])
    frame = frame.sort_values(["g", "t", "id"], ignore_index=True)
    groups = frame.groupby("g")["v"]
    last_seven = groups.rolling(7, min_periods=1)
    frame["mean_7"] = last_seven.mean().to_numpy()
    frame["stddev_7"] = last_seven.std().to_numpy()
    frame["mean_7_days"] = frame.groupby("g").rolling("7D", on="t")["v"].mean().to_numpy()
    frame["running_sum"] = groups.cumsum()
    frame["change"] = groups.pct_change()
    made = pyarrow.Table.from_pandas(frame.drop(columns="v"), preserve_index=False)
    return made.set_column(2, "t", made["t"].cast(pyarrow.date32()))


def duck_features(sales):
    """The same by DuckDB."""
    World.duck.register("pulled", sales)
    return World.duck.sql(select(FIVE, "pulled")).to_arrow_table()


def notebook(name, features):
    """The way of a notebook: pull the table, compute, write back."""
    server = World.server

    def run():
        sales = server.arrow("SELECT id, g, t, v FROM sales")
        begin = time.perf_counter()
        made = features(sales)
        seconds = time.perf_counter() - begin
        server.execute("CREATE UNLOGGED TABLE output (id int4, g int4, t date, "
                       + ", ".join(f"{feature} float8" for feature in FIVE) + ")")
        server.write("output", made)
        return {"compute alone": seconds}

    contender = in_server(name, run, FIVE)
    contender.tolerance = 1e-6  # values leave windows by subtraction
    return contender


def write_alone():
    """What writing that many columns takes, nothing computed: no contender, but what nobody in the server is faster than."""
    contender = query("PostgreSQL, the write alone", f"SELECT id, g, t, {', '.join(f'v AS {name}' for name in FIVE)} FROM sales", FIVE)
    contender.result = None
    return contender


def row(name):
    """The row's contenders and what Echolon must reach."""
    ours = "Echolon (view)"
    title = ROWS[name]
    if name == "five-float8":
        return Row(name, title, [postgres(FIVE, "sales"), write_alone(), notebook("pandas (and back)", pandas_features),
                                 notebook("DuckDB (and back)", duck_features), duck(FIVE, "sales"), view(FIVE, "sales"),
                                 materialized("sales")],
                   [Target(ours, "PostgreSQL", 1 / 2), Target("Echolon (materialized)", "PostgreSQL", 1 / 4.5),
                    Target("Echolon (materialized)", "DuckDB", 1)])
    if name == "five-numeric":
        return Row(name, title, [maker(FIVE, "sales_numeric") for maker in (postgres, duck, view)], [Target(ours, "PostgreSQL", 1 / 3)])
    if name == "median-30":
        return Row(name, title, [maker(["median_30"], "sales") for maker in (duck, view)])
    feature, table, targets = {
        "mean-365": ("mean_365", "sales", [Target(ours, "PostgreSQL", 1 / 12)]),
        "mean-365-numeric": ("mean_365", "sales_numeric", []),
        "min-30": ("min_30", "sales", [Target(ours, "PostgreSQL", 1 / 2)]),
    }[name]
    return Row(name, title, [maker([feature], table) for maker in (postgres, duck, view)], targets)
