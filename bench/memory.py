"""memory.py: the most memory a training takes, Echolon beside scikit-learn and LightGBM."""
import pathlib
import tempfile

import lightgbm
import numpy
import sklearn

import growth
import peak
import sales
from harness import MEGABYTES, Ceiling, Contender, Row, Target

TITLE = "The memory of a training"
NOTES = """\
The largest sum of the private memory of the session and its workers and of their shared segments, beyond what the session held before; the peers' is that
of a process of their own, beyond its libraries and its matrix of the data. Echolon reads the table in the meantime, and must stay under 1.5 bytes a cell, 32 bytes a row,
1.3 bytes a column (and twelve more) and row for each process of a forest, and the model; half of `echolon.max_memory` for reading comes on top and is not needed to pass.
Two processes or threads."""

ROWS = {
    "forest-100k": "a forest, regression, 100 full trees, 80,000 rows of 20 columns",
    "boosting-1m": "boosting, two classes, 800,000 rows of 20 columns",
    "boosting-10m": "boosting, two classes, 10,000,000 rows of 20 columns",
    "forest-10m": "a forest of 20 trees of a hundredth of the rows each, 10,000,000 rows of 20 columns",
}
TABLES = {"100k": "learned_80k", "1m": "learned_800k", "10m": "sales_10m"}
COLUMNS = 20
PROCESSES = 2


class World:
    """What the contenders work on; set by prepare()."""
    server = None
    folder = None  # removed with the process


def prepare(server, rows, groups, names):
    """Make the tables, and the peers' matrices as files; the peers' versions."""
    World.server = growth.World.server = server
    World.folder = tempfile.TemporaryDirectory(prefix="echolon-bench.")
    server.execute("SET client_min_messages = warning")
    server.execute("SET echolon.max_memory = '4GB'")
    for size in {name.partition("-")[2] for name in names}:
        if size == "10m":
            growth.make(server, TABLES[size])
            continue
        data = sales.make({"100k": 80_000, "1m": 800_000}[size], 102)
        growth.fill(server, TABLES[size], [data])
        numpy.save(pathlib.Path(World.folder.name) / f"{size}.npy", data.matrix())
        for target, values in data.targets.items():
            numpy.save(pathlib.Path(World.folder.name) / f"{size}.{target}.npy", values)
    return {"scikit-learn": sklearn.__version__, "LightGBM": lightgbm.__version__}


def load(folder, size, target):
    """The state of a peer before its fit; in a process of its own."""
    import sklearn.ensemble  # noqa: F401  its memory is the library's, not the fit's
    return numpy.load(f"{folder}/{size}.npy"), numpy.load(f"{folder}/{size}.{target}.npy")


def fit_forest(state):
    from sklearn.ensemble import RandomForestRegressor
    RandomForestRegressor(n_estimators=100, max_features=1 / 3, n_jobs=2, random_state=1).fit(*state)


def fit_light_forest(state):
    lightgbm.LGBMRegressor(boosting_type="rf", n_estimators=100, num_leaves=4096, min_child_samples=1, subsample=0.632, subsample_freq=1,
                           feature_fraction_bynode=1 / 3, n_jobs=2, verbose=-1).fit(*state)


def fit_histogram(state):
    from sklearn.ensemble import HistGradientBoostingClassifier
    HistGradientBoostingClassifier(max_iter=100, early_stopping=False).fit(*state)


def fit_light(state):
    lightgbm.LGBMClassifier(n_estimators=100, n_jobs=2, verbose=-1).fit(*state)


def peer(name, fit, size, target):
    return Contender(name, lambda: None, lambda: float(peak.in_child(load, fit, World.folder.name, size, target)[0]), None)


def echolon(sql):
    def run():
        with peak.Watch(World.server) as watch:
            World.server.execute(sql)
        return float(watch.bytes)
    return Contender("Echolon", growth.clear, run, None)


def row(name):
    """The row's contenders and what Echolon must reach."""
    kind, _, size = name.partition("-")
    table = TABLES[size]
    some = "max_features => 0.333333"
    if kind == "boosting":
        sql = growth.boosting(table)
        peers = [peer("scikit-learn", fit_histogram, size, "big"), peer("LightGBM", fit_light, size, "big")]
    else:
        sql = growth.forest(table, f"{some}, max_samples => 0.01") if size == "10m" else \
            growth.training(table, "rf", "amount", f"n_estimators => 100, {some}")
        peers = [peer("scikit-learn", fit_forest, size, "amount"), peer("LightGBM (rf)", fit_light_forest, size, "amount")]
    growth.clear()
    World.server.execute(sql)
    rows, model = (World.server.value(f"SELECT {what} FROM echolon.model_versions WHERE model = 'grown'") for what in ("rows_used", "bytes"))
    ceiling = 1.5 * rows * COLUMNS + 32 * rows + model + (1.3 * (COLUMNS + 12) * rows * PROCESSES if kind == "forest" else 0)
    if name == "boosting-1m":
        ceiling = min(ceiling, 150e6)
    targets = [Ceiling("Echolon", ceiling)]
    if size == "10m":
        peers = []
    else:
        targets += [Target("Echolon", tuple(p.name for p in peers), 1.0)]
    return Row(name, ROWS[name], [echolon(sql), *peers], targets, unit=MEGABYTES)
