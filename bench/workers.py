"""workers.py: trainings of one process and of two, which must give the same bytes."""
import numpy

import sales
from harness import Contender, Row, Target

TITLE = "Training with parallel workers, {rows:,} rows of sales (the forest: a tenth of the rows)"
NOTES = """\
One process (`n_jobs => 1`) and two (`n_jobs => 2`: the session's own and a parallel worker) train the same model, byte for byte: its digest
is compared. Reading the table and storing the model are in the times, and are done by one process. No rows are held out; the forest measures itself
out of bag."""

ROWS = {
    "forest": "random forest, regression, 100 full trees",
    "boosting": "gradient boosting, two classes, 100 rounds of 31 leaves",
}

# row: (function, table, target, other targets, what two processes may take of one's time at most)
TRAININGS = {
    "forest": ("echolon_train_rf", "some_sales", "amount", "big,size", 1 / 1.7),
    "boosting": ("echolon_train_gb", "all_sales", "big", "amount,size", 1 / 1.5),
}


class World:
    """What the contenders work on; set by prepare()."""
    server = None


def prepare(server, rows, groups, names):
    """Make the tables; there are no peers."""
    World.server = server
    with server.connection.cursor() as cursor:
        cursor.adbc_ingest("all_sales", sales.make(rows, 102).arrow(), mode="create")
    server.execute(f"CREATE TABLE some_sales AS SELECT * FROM all_sales WHERE id < {max(rows // 10, 1000)}")
    server.execute("VACUUM ANALYZE all_sales")
    server.execute("VACUUM ANALYZE some_sales")
    server.execute("SET max_parallel_maintenance_workers = 1")
    server.execute("SET client_min_messages = warning")
    server.execute("CHECKPOINT")
    return {}


def row(name):
    """The row of that name, ready to be measured."""
    function, table, target, others, ratio = TRAININGS[name]

    def contender(processes, title):
        model = f"{name}_{processes}"

        def clear():
            World.server.execute(f"SELECT echolon_drop_model(model) FROM echolon.models WHERE model = '{model}'")

        def run():
            used = World.server.value(
                f"SELECT (details->>'processes')::int4 FROM {function}('{table}', '{target}', exclude => '{{id,{others}}}', "
                f"test_fraction => 0, n_jobs => {processes}, model => '{model}')")
            if used != processes:
                raise RuntimeError(f"{used} processes took part, not {processes}")

        def result():
            digest = World.server.value(f"SELECT digest::text FROM echolon.model_versions WHERE model = '{model}'")
            return numpy.frombuffer(digest.encode(), dtype=numpy.uint8).astype(float).reshape(1, -1)

        return Contender(title, clear, run, result, tolerance=0)

    return Row(name, ROWS[name], [contender(1, "one process"), contender(2, "two processes")],
               [Target("two processes", "one process", ratio)])
