"""load.py: a CSV file into a table, Echolon beside COPY, pandas and DuckDB.

Twenty columns of the usual kinds: numbers, money, dates, times, texts, a flag, missing values.
"""
import pathlib
import tempfile

import duckdb
import numpy
import pandas

from harness import Contender, Row, Target, matrix

TITLE = "Loading a CSV file of {rows:,} rows and 20 columns"
NOTES = """\
The file is on the server. COPY loads it into a finished, empty table: somebody knew its columns and their types. Echolon finds them in the file, by all
values, and makes the table; or it appends to the finished one. pandas reads the file and writes the rows to PostgreSQL through ADBC (binary COPY), with types
of its own; DuckDB reads it into a table in memory with two threads, guessing types by a sample."""

ROWS = {
    "csv": "a file into a table",
}


class World:
    """What the contenders work on; set by prepare()."""
    server = None
    folder = None  # removed with the process
    path = None
    columns = None


def make(rows, groups):
    """The file's rows."""
    random = numpy.random.default_rng(11)
    number = numpy.arange(rows)
    days = numpy.datetime64("2015-01-01") + number % 3650
    words = numpy.array(["red", "green", "blue", "dark, or nearly so", "none"])
    return pandas.DataFrame({
        "id": number + 1, "day": days.astype(str), "at": (days + (number % 86400) * numpy.timedelta64(1, "s")).astype(str),
        "shop": numpy.char.add("shop_", (number % groups).astype(str)), "city": random.choice(["Oslo", "Rome", "Paris", "New York"], rows),
        "units": random.integers(0, 100, rows), "price": random.uniform(0, 1000, rows).round(2), "cost": random.uniform(0, 500, rows).round(2),
        "discount": random.uniform(0, 1, rows).round(4), "lag": numpy.where(number % 10 == 0, numpy.nan, random.normal(size=rows)),
        "mean": random.normal(size=rows), "share": random.random(rows), "score": random.lognormal(3, 2, rows), "serial": number * 1000003,
        "open": numpy.where(number % 3 == 0, "true", "false"), "postal": [f"{value:05d}" for value in number % 99999],
        "colour": random.choice(words, rows), "a": random.integers(-1000, 1000, rows), "b": number % 7, "c": -number})


def prepare(server, rows, groups, names):
    """Make the file and the finished table; the peers' versions."""
    World.server = server
    World.folder = tempfile.TemporaryDirectory(prefix="echolon-bench.")
    folder = pathlib.Path(World.folder.name)
    World.path = folder / "load.csv"
    make(rows, groups).to_csv(World.path, index=False)
    # The server's user has to get there.
    folder.chmod(0o755)
    World.path.chmod(0o644)
    server.value(f"SELECT rows_loaded FROM echolon_load_csv('finished', '{World.path}')")
    World.columns = server.arrow("SELECT attname::text FROM pg_attribute WHERE attrelid = 'finished'::regclass AND attnum > 0 ORDER BY attnum")
    World.columns = World.columns.column(0).to_pylist()
    server.execute("TRUNCATE finished")
    return {"pandas": pandas.__version__, "DuckDB": duckdb.__version__}


def in_server(name, table, clear, run):
    """A contender that fills a table; every value counts, as text."""
    values = ", ".join(f"hashtext({column}::text)::float8" for column in World.columns)
    return Contender(name, lambda: World.server.execute(clear), run,
                     lambda: matrix(World.server.arrow(f"SELECT {values} FROM {table} ORDER BY id")))


def load(table):
    return lambda: World.server.value(f"SELECT rows_loaded FROM echolon_load_csv('{table}', '{World.path}')") and None


def notebook():
    """The way of a notebook: read the file, write a table."""
    import pyarrow
    frame = pandas.read_csv(World.path, dtype={"postal": str}, parse_dates=["day", "at"])
    with World.server.connection.cursor() as cursor:
        cursor.adbc_ingest("output", pyarrow.Table.from_pandas(frame, preserve_index=False), mode="create")


def duck():
    database = duckdb.connect(config={"threads": 2})
    database.execute(f"CREATE TABLE output AS FROM read_csv('{World.path}')")


def row(name):
    """The row's contenders and what Echolon must reach."""
    return Row(name, ROWS[name], [
        in_server("COPY, types known", "finished", "TRUNCATE finished",
                  lambda: World.server.execute(f"COPY finished FROM '{World.path}' (FORMAT csv, HEADER)")),
        in_server("Echolon", "output", "DROP TABLE IF EXISTS output", load("output")),
        in_server("Echolon (append)", "finished", "TRUNCATE finished", load("finished")),
        Contender("pandas (and write)", lambda: World.server.execute("DROP TABLE IF EXISTS output"), notebook, None),
        Contender("DuckDB (in memory)", lambda: None, duck, None)],
        [Target("Echolon", "COPY, types known", 2.5), Target("Echolon (append)", "COPY, types known", 2.5)])
