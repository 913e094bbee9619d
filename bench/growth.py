"""growth.py: how the cost of trainings, predictions and features grows with rows and columns, up to ten million rows."""
import sales
from harness import Contender, Row, Target

TITLE = "How cost grows"
NOTES = """\
The same work on ten times the rows, or five times the columns; the ratio is that of the two times. Trainings read a table and store a model
(`test_fraction => 0`), with the processes they choose themselves. Row counts are the rows', whatever `--rows` says."""

ROWS = {
    "boosting-rows": "boosting, two classes, 100 rounds: 100,000 and 1,000,000 rows of 20 columns",
    "forest-rows": "a forest of 20 full trees, a third of the features: 100,000 and 1,000,000 rows of 20 columns",
    "predict-rows": "predicting by 100 boosted trees: 100,000 and 1,000,000 rows",
    "features-rows": "mean and standard deviation over 7 rows and a running sum, 100 groups: 100,000 and 1,000,000 rows",
    "boosting-columns": "boosting, two classes, 100 rounds: 40 and 200 columns of 50,000 rows",
    "forest-columns": "a forest of 20 full trees, a third of the features: 40 and 200 columns of 50,000 rows",
    "boosting-10m": "boosting, two classes, 100 rounds: 1,000,000 and 10,000,000 rows of 20 columns",
    "forest-10m": "a forest of 20 trees of a hundredth of the rows each: 1,000,000 and 10,000,000 rows of 20 columns",
}
SIZES = {"rows": ("sales_100k", "sales_1m"), "columns": ("wide_40", "wide_200"), "10m": ("sales_1m", "sales_10m")}
TITLES = {"sales_100k": "100,000 rows", "sales_1m": "1,000,000 rows", "sales_10m": "10,000,000 rows", "wide_40": "40 columns", "wide_200": "200 columns"}


class World:
    """What the contenders work on; set by prepare()."""
    server = None


def fill(server, table, parts):
    """A table of these parts, one after the other, so that ten million rows need not be in Python at once."""
    server.execute(f"DROP TABLE IF EXISTS {table}")
    for number, part in enumerate(parts):
        with server.connection.cursor() as cursor:
            cursor.adbc_ingest(table, part.arrow(), mode="append" if number else "create")
    server.execute(f"VACUUM ANALYZE {table}")


def make(server, table):
    """One of the tables by name."""
    million = 1_000_000
    parts = {
        "sales_100k": lambda: (sales.make(100_000, 102),),
        "sales_1m": lambda: (sales.make(million, 102),),
        "sales_10m": lambda: (sales.make(million, 102 + part) for part in range(10)),
        "wide_40": lambda: (sales.wide(50_000, 40, 17),),
        "wide_200": lambda: (sales.wide(50_000, 200, 17),),
    }[table]()
    fill(server, table, parts)


def prepare(server, rows, groups, names):
    """Make the tables that are needed; there are no peers."""
    World.server = server
    server.execute("SET client_min_messages = warning")
    server.execute("SET echolon.max_memory = '4GB'")
    for table in sorted({table for name in names for table in SIZES[name.rpartition("-")[2]]}):
        make(server, table)
    server.execute("CHECKPOINT")
    return {}


def clear():
    World.server.execute("SELECT echolon_drop_model(model) FROM echolon.models WHERE model = 'grown'")
    World.server.execute("DROP TABLE IF EXISTS output")


def training(table, function, target, arguments):
    """What trains on a table."""
    others = "" if table.startswith("wide") else ",size"
    others += ",big" if target == "amount" else ",amount"
    return (f"SELECT version FROM echolon_train_{function}('{table}', '{target}', exclude => '{{id{others}}}', test_fraction => 0, "
            f"model => 'grown', {arguments})")


def boosting(table):
    return training(table, "gb", "big", "task => 'classification'")


def forest(table, arguments="max_features => 0.333333"):
    return training(table, "rf", "amount", f"n_estimators => 20, {arguments}")


def predict(table):
    return f"SELECT sum(echolon_predict_proba('learned', s, '1')) FROM {table} AS s"


def features(table):
    day = "date '2000-01-01' + id::int4"
    return (f"CREATE UNLOGGED TABLE output AS SELECT id, echolon_rolling(price, {day}, '{{mean 7,stddev 7,sum expanding}}') OVER "
            f"(PARTITION BY id % 100 ORDER BY {day}) AS r FROM {table}")


def row(name):
    """The row's contenders and what the larger may take of the smaller's time."""
    sql, ratio = {
        "boosting-rows": (boosting, 10.5),
        "forest-rows": (forest, 14),
        "predict-rows": (predict, 10.5),
        "features-rows": (features, 10.5),
        "boosting-columns": (boosting, 5.5),
        "forest-columns": (forest, 5.5),
        "boosting-10m": (boosting, 10.5),
        "forest-10m": (lambda table: forest(table, "max_features => 0.333333, max_samples => 0.01"), 14),
    }[name]
    small, large = SIZES[name.rpartition("-")[2]]
    if sql is predict:
        clear()
        World.server.execute(boosting(small).replace("'grown'", "'learned'"))
    run = World.server.execute
    return Row(name, ROWS[name], [Contender(TITLES[table], clear, lambda table=table: run(sql(table)), None) for table in (small, large)],
               [Target(TITLES[large], TITLES[small], ratio)])
