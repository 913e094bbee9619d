"""training.py: forests and boosted trees, Echolon beside scikit-learn, LightGBM and XGBoost.

The peers have the rows in memory as matrices and leave a model there.  Echolon's time has the reading of the table and the
storing of the model in it.
"""
import math

import lightgbm
import numpy
import pandas
import pyarrow
import sklearn
import xgboost
from sklearn.ensemble import HistGradientBoostingClassifier, RandomForestClassifier, RandomForestRegressor
from sklearn.metrics import log_loss, r2_score, roc_auc_score

import sales
from harness import Contender, Quality, Row, Target

TITLE = "Training on tables of sales"
NOTES = """\
80 % of the rows train, the others measure (their score is in the last column). The peers have the data in memory, two threads, and the
parameters of Echolon's defaults: 100 trees, forests to full depth where the peer can (LightGBM: 4,096 leaves; XGBoost: depth 16), boosting with a learning rate of 0.1, 31 leaves of at least 20 rows and 255 bins. Echolon
reads the table and stores the model (`test_fraction => 0`)."""

ROWS = {
    "forest-10k": "a forest, regression, 10,000 rows, a third of the features a split",
    "forest-100k": "a forest, regression, 100,000 rows, a third of the features a split",
    "forest-100k-all": "a forest, regression, 100,000 rows, all features",
    "forest-1m": "a forest, regression, 1,000,000 rows, a third of the features, leaves of 5 rows",
    "forest-classes": "a forest, five classes, 100,000 rows, the root of the features",
    "boosting-100k": "boosting, two classes, 100,000 rows",
    "boosting-1m": "boosting, two classes, 1,000,000 rows",
    "boosting-classes": "boosting, five classes, 100,000 rows",
    "boosting-wide": "boosting, two classes, 20,000 rows of 1,000 columns",
    "boosting-mixed": "boosting, two classes, 1,000,000 rows: numbers, numeric, dates, texts of 50 and of 10,000 levels",
}
SIZES = {"10k": 10_000, "100k": 100_000, "1m": 1_000_000}
THREADS = 2


class World:
    """What the contenders work on; set by prepare()."""
    server = None
    tables = {}  # name: Sales


def prepare(server, rows, groups, names):
    """Make the tables that are needed; the peers' versions.  Their sizes are the rows', whatever --rows says."""
    World.server = server
    server.execute("SET client_min_messages = warning")
    for name in names:
        table = table_of(name)
        if table in World.tables:
            continue
        data = {"wide": lambda: sales.wide(20_000, 1_000, 17), "mixed": mixed}.get(table, lambda: sales.make(SIZES[table], 102))()
        World.tables[table] = data
        arrow = data.arrow()
        fill(f"train_{table}", arrow.slice(0, data.train), table)
        fill(f"test_{table}", arrow.slice(data.train), table)
    return {"scikit-learn": sklearn.__version__, "LightGBM": lightgbm.__version__, "XGBoost": xgboost.__version__}


def fill(name, arrow, table):
    """A table of these rows; the mixed one gets its types by casts."""
    server = World.server
    server.execute(f"DROP TABLE IF EXISTS {name}, {name}_plain")
    target = f"{name}_plain" if table == "mixed" else name
    with server.connection.cursor() as cursor:
        cursor.adbc_ingest(target, arrow, mode="create")
    if table == "mixed":
        server.execute(f"CREATE TABLE {name} AS SELECT id, price, cost::numeric(12, 2), traffic, stock::numeric(12, 2), month::int, region::int, rating, "
                       f"day, shop, article, big FROM {target}")
        server.execute(f"DROP TABLE {target}")
    server.execute(f"VACUUM ANALYZE {name}")


def mixed():
    """Columns of all kinds; the two texts matter."""
    data = sales.make(1_000_000, 103)
    r = numpy.random.default_rng(7)
    article = r.zipf(1.3, data.rows) % 10_000
    shop = r.integers(0, 50, data.rows)
    pull = 0.02 * (article % 97 - 48) + 0.1 * (shop % 11 - 5)
    features = {name: data.features[name] for name in ("price", "cost", "traffic", "stock", "month", "region", "rating")}
    features["cost"] = features["cost"].round(2)
    features["stock"] = features["stock"].round(2)
    features["day"] = numpy.datetime64("2020-01-01") + r.integers(0, 1000, data.rows)
    features["shop"] = numpy.char.add("shop ", shop.astype(str))
    features["article"] = numpy.char.add("article ", article.astype(str))
    big = (r.random(data.rows) < 1 / (1 + numpy.exp(-((data.targets["amount"] - 38) / 9 + pull)))).astype(numpy.int32)
    return sales.Sales(features, {"big": big})


def table_of(name):
    kind, _, size = name.partition("-")
    return {"classes": "100k", "100k-all": "100k"}.get(size, size)


# ---- contenders ----------------------------------------------------------------------------------------------

def echolon(table, function, target, arguments, classes):
    """Echolon's training, and its predictions of the other rows."""
    server = World.server
    train = (f"SELECT (echolon_train_{function}('train_{table}', '{target}', exclude => '{{id{excluded(table, target)}}}', test_fraction => 0, "
             f"model => 'bench'{arguments})).rows_used")
    if classes == 0:
        output = "echolon_predict('bench', t)"
    else:
        output = ", ".join(f"echolon_predict_proba('bench', t, '{k}')" for k in range(classes))

    def predict():
        found = server.arrow(f"SELECT {output} FROM test_{table} AS t ORDER BY id")
        values = numpy.column_stack([column.to_numpy() for column in found.columns])
        return values[:, 0] if classes == 0 else values

    return Contender("Echolon", lambda: server.execute("SELECT echolon_drop_model(model) FROM echolon.models WHERE model = 'bench'"),
                     lambda: server.value(train) and None, predict)


def excluded(table, target):
    """The other targets of the table, for a list of names."""
    return "".join(f",{name}" for name in World.tables[table].targets if name != target)


def library(name, make, x, y, n, classes):
    """A peer with fit and predict; it is fitted anew each time."""
    fitted = {}

    def fit():
        fitted["model"] = make().fit(x[:n], y[:n])

    def predict():
        return fitted["model"].predict_proba(x[n:]) if classes else fitted["model"].predict(x[n:])

    return Contender(name, fitted.clear, fit, predict)


def forest(name, table, target, share, leaf, classes, quality, ratio):
    """A row of forests.  share: of the features drawn a split, or 'sqrt'."""
    data = World.tables[table]
    x, y, n = data.matrix(), data.targets[target], data.train
    columns = x.shape[1]
    drawn = math.sqrt(columns) / columns if share == "sqrt" else share
    learner = RandomForestClassifier if classes else RandomForestRegressor
    kind = "Classifier" if classes else "Regressor"
    rf = {"boosting_type": "rf", "n_estimators": 100, "num_leaves": 4096, "min_child_samples": leaf, "subsample": 0.632, "subsample_freq": 1,
          "feature_fraction_bynode": drawn, "n_jobs": THREADS, "verbose": -1}
    xgb = {"n_estimators": 100, "max_depth": 16, "min_child_weight": leaf, "colsample_bynode": drawn, "subsample": 0.632, "tree_method": "hist", "n_jobs": THREADS}
    arguments = f", n_estimators => 100, min_samples_leaf => {leaf}, max_features => " + (f"'{share}'" if share == "sqrt" else f"{share:.6f}")
    return Row(name, ROWS[name], [
        echolon(table, "rf", target, arguments, classes),
        library("scikit-learn", lambda: learner(n_estimators=100, max_features=share, min_samples_leaf=leaf, n_jobs=THREADS, random_state=1), x, y, n, classes),
        library("LightGBM (rf)", lambda: getattr(lightgbm, f"LGBM{kind}")(**rf), x, y, n, classes),
        library("XGBoost (rf)", lambda: getattr(xgboost, f"XGBRF{kind}")(**xgb), x, y, n, classes)],
        [Target("Echolon", ("scikit-learn", "LightGBM (rf)", "XGBoost (rf)"), ratio)], quality(y[n:]))


def boosting(name, table, target, classes, quality, peer, ratio):
    """A row of boosted trees."""
    data = World.tables[table]
    y, n = data.targets[target], data.train
    common = {"n_estimators": 100, "learning_rate": 0.1, "n_jobs": THREADS}
    contenders = [echolon(table, "gb", target, ", n_estimators => 100, task => 'classification'", classes)]
    if table == "mixed":
        x = pandas.DataFrame({name: pandas.Categorical(values) if name in ("shop", "article") else values for name, values in data.features.items() if name != "day"})
        day = pandas.Series(data.features["day"])
        for part in ("year", "month", "day", "dayofweek", "dayofyear"):
            x[f"day_{part}"] = getattr(day.dt, part).to_numpy()
        rows = x.iloc
    else:
        x = rows = data.matrix()
        contenders.append(library("scikit-learn", lambda: HistGradientBoostingClassifier(max_iter=100, max_leaf_nodes=31, early_stopping=False), x, y, n, classes))
        contenders.append(library("XGBoost", lambda: xgboost.XGBClassifier(max_depth=6, tree_method="hist", **common), x, y, n, classes))
    contenders.append(library("LightGBM", lambda: lightgbm.LGBMClassifier(num_leaves=31, min_child_samples=20, verbose=-1, **common), rows, y, n, classes))
    contenders.append(library("LightGBM (quantized)", lambda: lightgbm.LGBMClassifier(num_leaves=31, min_child_samples=20, use_quantized_grad=True, verbose=-1, **common), rows, y, n, classes))
    return Row(name, ROWS[name], contenders, [Target("Echolon", "LightGBM", ratio)], quality(y[n:]))


# ---- how good ------------------------------------------------------------------------------------------------

def r2(must):
    return lambda y: Quality("R2", lambda predicted: r2_score(y, predicted), must)


def auc(must):
    return lambda y: Quality("AUC", lambda shares: roc_auc_score(y, shares[:, 1]), must, equal=0.002)


def loss(must):
    """Log loss; a full forest's shares of zero are clipped, as its peers' are."""
    return lambda y: Quality("log loss", lambda shares: log_loss(y, numpy.clip(shares, 1e-15, 1) / shares.sum(axis=1, keepdims=True)), must, higher=False, equal=0.02)


def row(name):
    """The row's contenders and what Echolon must reach (targets: fractions of the fastest peer that is as good)."""
    return {
        "forest-10k": lambda: forest(name, "10k", "amount", 1 / 3, 1, 0, r2(0.715), 1 / 7),
        "forest-100k": lambda: forest(name, "100k", "amount", 1 / 3, 1, 0, r2(0.777), 1 / 8),
        "forest-100k-all": lambda: forest(name, "100k", "amount", 1.0, 1, 0, r2(0.782), 1 / 12),
        "forest-1m": lambda: forest(name, "1m", "amount", 1 / 3, 5, 0, r2(0.808), 1 / 15),
        "forest-classes": lambda: forest(name, "100k", "size", "sqrt", 1, 5, loss(1.5), 1 / 6),
        "boosting-100k": lambda: boosting(name, "100k", "big", 2, auc(0.865), "LightGBM", 0.6),
        "boosting-1m": lambda: boosting(name, "1m", "big", 2, auc(0.867), "LightGBM", 0.5),
        "boosting-classes": lambda: boosting(name, "100k", "size", 5, loss(0.722), "LightGBM", 0.7),
        "boosting-wide": lambda: boosting(name, "wide", "big", 2, auc(0.5), "LightGBM", 1.1),
        "boosting-mixed": lambda: boosting(name, "mixed", "big", 2, auc(0.5), "LightGBM", 1.0),
    }[name]()
