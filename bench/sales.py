"""sales.py: the tables that models are trained on, made by a formula with a fixed seed.

Twenty numbers as sales tables have them: ten continuous, six integers of few values, four between; five of them miss one value in
twenty.  The regression's noise leaves an R2 of .82 to be had.  Rows are in no order, so the first 80 % train and the rest measure.
"""
import dataclasses

import numpy
import pyarrow

MISSING = ("ad_spend", "humidity", "rival_price", "rating", "lead_time")


@dataclasses.dataclass
class Sales:
    """One table: columns of the features by name, and the targets."""
    features: dict
    targets: dict

    @property
    def rows(self):
        return len(next(iter(self.features.values())))

    @property
    def train(self):
        return self.rows * 4 // 5

    def matrix(self):
        return numpy.column_stack(list(self.features.values()))

    def arrow(self):
        """All of it with a number of the row; NaN is NULL."""
        columns = {"id": pyarrow.array(numpy.arange(self.rows))}
        for name, values in self.features.items():
            columns[name] = pyarrow.array(values, from_pandas=True)
        return pyarrow.table(columns | {name: pyarrow.array(values) for name, values in self.targets.items()})


def make(rows, seed):
    """A table of so many rows."""
    r = numpy.random.default_rng(seed)
    x = {}
    x["price"] = numpy.exp(r.normal(3.0, 0.6, rows))
    x["cost"] = x["price"] * r.uniform(0.3, 0.8, rows)
    x["discount"] = numpy.clip(r.beta(1.5, 6, rows), 0, 1)
    x["ad_spend"] = r.gamma(2.0, 50.0, rows)
    x["temperature"] = r.normal(15, 9, rows)
    x["humidity"] = r.uniform(20, 100, rows)
    x["rival_price"] = x["price"] * r.normal(1.0, 0.15, rows)
    x["traffic"] = r.gamma(3.0, 120.0, rows)
    x["stock"] = r.exponential(80.0, rows)
    x["basket"] = r.normal(40, 12, rows)
    x["day_of_week"] = r.integers(0, 7, rows).astype(float)
    x["month"] = r.integers(1, 13, rows).astype(float)
    x["store_type"] = r.choice(4, rows, p=[0.5, 0.25, 0.15, 0.10]).astype(float)
    x["region"] = r.integers(0, 10, rows).astype(float)
    x["promotion"] = (r.random(rows) < 0.2).astype(float)
    x["holiday"] = (r.random(rows) < 0.05).astype(float)
    x["age_days"] = r.integers(0, 2000, rows).astype(float)
    x["reviews"] = r.poisson(r.gamma(1.0, 30.0, rows)).astype(float)
    x["rating"] = numpy.round(numpy.clip(r.normal(3.8, 0.8, rows), 1, 5) * 2) / 2
    x["lead_time"] = numpy.round(r.exponential(5.0, rows), 1)

    paid = x["price"] * (1 - x["discount"])
    demand = 60 * numpy.exp(-paid / 25) * (1 + 0.8 * x["promotion"] * (x["store_type"] != 2))
    demand += 12 * numpy.log1p(x["ad_spend"] / 40) * (x["region"] < 6)
    demand += 0.04 * x["traffic"] * (1 + 0.5 * (x["day_of_week"] >= 5))
    demand += 10 * numpy.sin(2 * numpy.pi * (x["month"] - 3) / 12) * (x["temperature"] > 12) + 15 * x["holiday"]
    demand += 8 * numpy.tanh((x["rival_price"] - x["price"]) / 5) - 0.004 * numpy.maximum(x["age_days"] - 700, 0)
    demand += 1.25 * (x["rating"] - 3.5) * numpy.log1p(x["reviews"]) - 0.6 * numpy.minimum(x["lead_time"], 15)
    demand += 5 * x["store_type"] * numpy.sin(x["region"])
    demand = numpy.minimum(demand, 1.2 * x["stock"] + 20)  # what is not in stock is not sold: an interaction with all else

    amount = demand + r.normal(0, 8.0, rows)
    big = (r.random(rows) < 1 / (1 + numpy.exp(-(demand - 38) / 9))).astype(numpy.int32)
    size = numpy.digitize(demand + r.normal(0, 8.0, rows), [22.0, 36.0, 52.0]).astype(numpy.int32)
    size[(x["basket"] > 45) & (x["humidity"] > 70) & (r.random(rows) < 0.8)] = 4
    for name in MISSING:
        x[name][r.random(rows) < 0.05] = numpy.nan
    return Sales(x, {"amount": amount, "big": big, "size": size})


def wide(rows, columns, seed):
    """Many numbers of which a few matter."""
    r = numpy.random.default_rng(seed)
    x = {f"x{i}": r.normal(size=rows) for i in range(columns)}
    signal = x["x0"] + x["x1"] * x["x2"] + numpy.abs(x["x3"]) + numpy.sin(2 * x["x4"]) + sum(0.2 * x[f"x{i}"] for i in range(5, 25))
    return Sales(x, {"amount": signal + r.normal(size=rows), "big": (signal + r.normal(size=rows) > 1).astype(numpy.int32)})
