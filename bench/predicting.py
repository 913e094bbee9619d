"""predicting.py: predictions of a table and of single rows, Echolon beside scikit-learn, LightGBM and XGBoost."""
import lightgbm
import numpy
import sklearn
import xgboost
from sklearn.ensemble import HistGradientBoostingClassifier, RandomForestRegressor

import sales
from harness import Contender, Limit, Row, Target

TITLE = "Predicting rows of a table of sales"
NOTES = """\
Echolon predicts in a query over the table in one process, reading included. The peers have the rows in memory; they were fitted with the same parameters to the same rows. A single row
is a query by primary key over a warm connection, a thousand times."""

ROWS = {
    "boosted": "200,000 rows by 100 boosted trees of 31 leaves, one process",
    "forest": "20,000 rows by a full forest of 100,000 rows, one process",
    "toasted": "20,000 rows beside a text of 190 kB that the model does not need",
    "one-row": "a row by its primary key, a thousand times",
}
LONG_ROWS = 500


class World:
    """What the contenders work on; set by prepare()."""
    server = None
    data = None
    x = None


def prepare(server, rows, groups, names):
    """Make the tables and the models; the peers' versions."""
    World.server = server
    World.data = sales.make(280_000, 105)
    World.x = World.data.matrix()
    server.execute("SET client_min_messages = warning")
    with server.connection.cursor() as cursor:
        cursor.adbc_ingest("sold", World.data.arrow(), mode="replace")
    server.execute("DROP VIEW IF EXISTS learned; DROP TABLE IF EXISTS sold_long, sold_short")
    server.execute("ALTER TABLE sold ADD PRIMARY KEY (id)")
    server.execute("VACUUM ANALYZE sold")
    server.execute("CREATE VIEW learned AS SELECT * FROM sold WHERE id < 80000")
    server.value("SELECT (echolon_train_gb('learned', 'big', exclude => '{id,amount,size}', test_fraction => 0, model => 'boosted')).version")
    if "forest" in names:
        server.value("SELECT (echolon_train_rf('learned', 'amount', exclude => '{id,big,size}', test_fraction => 0, model => 'forest')).version")
    if "toasted" in names:
        # a text that does not get shorter by compression
        server.execute(f"CREATE TABLE sold_short AS SELECT s.* FROM sold AS s WHERE id < {LONG_ROWS}")
        server.execute("CREATE TABLE sold_long AS SELECT s.*, (SELECT string_agg(md5((s.id * 6000 + i)::text), '') FROM generate_series(1, 6000) AS i) AS story "
                       f"FROM sold AS s WHERE id < {LONG_ROWS}")
        server.execute("VACUUM ANALYZE sold_short")
        server.execute("VACUUM ANALYZE sold_long")
    return {"scikit-learn": sklearn.__version__, "LightGBM": lightgbm.__version__, "XGBoost": xgboost.__version__}


def query(name, sql, times=1):
    def run():
        for _ in range(times):
            World.server.value(sql)
    return Contender(name, lambda: None, run, None)


def library(name, model, rows):
    return Contender(name, lambda: None, lambda: model(rows) is None, None)


def boosted():
    first, n = 80_000, 200_000
    x, y, rows = World.x[:first], World.data.targets["big"][:first], World.x[first:first + n]
    hist = HistGradientBoostingClassifier(max_iter=100, early_stopping=False).fit(x, y)
    light = lightgbm.LGBMClassifier(n_estimators=100, n_jobs=1, verbose=-1).fit(x, y)
    extreme = xgboost.XGBClassifier(n_estimators=100, max_depth=5, n_jobs=1, tree_method="hist").fit(x, y)
    return Row("boosted", ROWS["boosted"], [
        query("Echolon", f"SELECT sum(echolon_predict_proba('boosted', s, '1')) FROM sold AS s WHERE id >= {first}"),
        query("the scan alone", f"SELECT sum(price) FROM sold AS s WHERE id >= {first}"),
        library("scikit-learn", hist.predict_proba, rows), library("LightGBM (1 thread)", light.predict_proba, rows),
        library("XGBoost (1 thread)", extreme.predict_proba, rows)], [Limit("Echolon", 1.5, n)])


def forest():
    first, n = 80_000, 20_000
    x, y, rows = World.x[:first], World.data.targets["amount"][:first], World.x[first:first + n]
    peer = RandomForestRegressor(n_estimators=100, max_features=1 / 3, n_jobs=2, random_state=1).fit(x, y)
    return Row("forest", ROWS["forest"], [
        query("Echolon", f"SELECT sum(echolon_predict('forest', s)) FROM sold AS s WHERE id >= {first} AND id < {first + n}"),
        library("scikit-learn (2 threads)", peer.predict, rows)], [Limit("Echolon", 12, n)])  # one process; 6 on two


def toasted():
    sql = "SELECT sum(echolon_predict_proba('boosted', s, '1')) FROM {} AS s, generate_series(1, 40)"
    return Row("toasted", ROWS["toasted"], [
        query("without the text", sql.format("sold_short")), query("Echolon", sql.format("sold_long"))], [Target("Echolon", "without the text", 1.2)])


def one_row():
    return Row("one-row", ROWS["one-row"], [
        query("without a prediction", "SELECT price FROM sold AS s WHERE id = 77", 1000),
        query("Echolon", "SELECT echolon_predict_proba('boosted', s, '1') FROM sold AS s WHERE id = 77", 1000)],
        [Target("Echolon", "without a prediction", 1.3)])


def row(name):
    """The row's contenders and what Echolon must reach."""
    return {"boosted": boosted, "forest": forest, "toasted": toasted, "one-row": one_row}[name]()
