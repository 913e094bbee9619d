"""endtoend.py: from a table to a table of predictions, Echolon beside the ways with Python."""
import io
import os
import subprocess

import adbc_driver_postgresql.dbapi
import lightgbm
import pandas
import pyarrow

import growth
import peak
import sales
from harness import MEGABYTES, Contender, Row, Target

TITLE = "From a table of {rows:,} rows to a table of predictions"
NOTES = """\
A boosted model of two classes is trained on all rows of a table of 20 numbers, and the chance of each row is written into a new table. Echolon does it by two statements. Python copies the table out as CSV and reads that by pandas, or pulls
it through ADBC (Arrow); fits LightGBM with two threads; predicts; and copies the result back. Memory is the most that the session and its workers took beyond what it held before, and the whole process of Python."""

ROWS = {
    "time": "the time",
    "memory": "the memory",
}


class World:
    """What the contenders work on; set by prepare()."""
    server = None


def prepare(server, rows, groups, names):
    """Make the table; the peers' versions."""
    World.server = growth.World.server = server
    server.execute("SET client_min_messages = warning")
    growth.fill(server, "sold", [sales.make(rows, 102)])
    server.execute("CHECKPOINT")
    return {"LightGBM": lightgbm.__version__, "pandas": pandas.__version__}


def connect():
    return adbc_driver_postgresql.dbapi.connect("postgresql:///{PGDATABASE}?host={PGHOST}&port={PGPORT}&user={PGUSER}".format(**os.environ), autocommit=True)


def by_csv(_):
    """COPY out, read_csv, LightGBM, to_csv, COPY back, all through psql's pipes as a notebook would."""
    out = subprocess.run(["psql", "-Xqc", "COPY (SELECT * FROM sold) TO STDOUT (FORMAT csv, HEADER)"], check=True, capture_output=True).stdout
    frame = pandas.read_csv(io.BytesIO(out))
    del out
    made = predict(frame)
    text = made.to_csv(index=False)
    subprocess.run(["psql", "-Xqc", "CREATE TABLE output (id int8, chance float8)", "-c", "COPY output FROM STDIN (FORMAT csv, HEADER)"],
                   input=text.encode(), check=True)


def by_arrow(_):
    """The table as Arrow, LightGBM, Arrow back."""
    with connect() as connection, connection.cursor() as cursor:
        cursor.execute("SELECT * FROM sold")
        frame = cursor.fetch_arrow_table().to_pandas()
        made = predict(frame)
        cursor.adbc_ingest("output", pyarrow.Table.from_pandas(made, preserve_index=False), mode="create")


def predict(frame):
    """Fit, and the chance of each row."""
    x = frame.drop(columns=["id", "amount", "big", "size"]).to_numpy()
    model = lightgbm.LGBMClassifier(n_estimators=100, n_jobs=2, verbose=-1).fit(x, frame["big"].to_numpy())
    return pandas.DataFrame({"id": frame["id"], "chance": model.predict_proba(x)[:, 1]})


def nothing():
    return None


def echolon():
    World.server.execute(growth.boosting("sold"))
    World.server.execute("CREATE TABLE output AS SELECT id, echolon_predict_proba('grown', s, '1') AS chance FROM sold AS s")


def row(name):
    """The row's contenders and what Echolon must reach."""
    ways = {"Python, CSV": by_csv, "Python, Arrow": by_arrow}
    if name == "time":
        peers = [Contender(title, growth.clear, lambda way=way: way(None), None) for title, way in ways.items()]
        return Row(name, ROWS[name], [Contender("Echolon", growth.clear, echolon, None), *peers], [Target("Echolon", tuple(ways), 1 / 3)])

    def watched():
        with peak.Watch(World.server) as watch:
            echolon()
        return float(watch.bytes)

    peers = [Contender(title, growth.clear, lambda way=way: float(peak.in_child(nothing, way)[1]), None) for title, way in ways.items()]
    return Row(name, ROWS[name], [Contender("Echolon", growth.clear, watched, None), *peers], [Target("Echolon", tuple(ways), 1 / 5)], unit=MEGABYTES)
