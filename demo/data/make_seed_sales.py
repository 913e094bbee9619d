#!/usr/bin/env python3
"""make_seed_sales.py > seed_sales.csv: sales of two years, the same every time.

One sale a day at least.  Revenue is log-normal with a level for each category, a season, and a
little growth; a handful are twenty times too high, as data entry makes them, and some cells are
empty.  Who bought lately is more engaged.
"""
import datetime
import math
import random

LEVELS = {"Books": 25, "Clothing": 60, "Electronics": 220, "Garden": 90, "Toys": 35}
# The months in which a category sells at its best.
PEAKS = {"Books": 12, "Clothing": 4, "Electronics": 11, "Garden": 5, "Toys": 12}
DAYS, ROWS, FIRST = 730, 1000, datetime.date(2023, 1, 1)

draw = random.Random(2023).random


def normal():
    """A normal deviate (Box and Muller): random() alone is promised to stay the same."""
    return math.sqrt(-2 * math.log(1 - draw())) * math.cos(2 * math.pi * draw())


days = sorted([*range(DAYS), *(int(draw() * DAYS) for _ in range(ROWS - DAYS))])
print("id,date,revenue,category,engagement,last_purchase_days_ago")
for row, day in enumerate(days, 1):
    date = FIRST + datetime.timedelta(day)
    category = list(LEVELS)[int(draw() * len(LEVELS))]
    season = 1 + 0.4 * math.cos(2 * math.pi * (date.month - PEAKS[category]) / 12)
    revenue = LEVELS[category] * season * (1 + 0.2 * day / DAYS) * math.exp(0.5 * normal())
    if draw() < 0.006:
        revenue *= 20
    days_ago = min(180, int(-45 * math.log(1 - draw())))
    engagement = min(100.0, max(0.0, 70 - 0.25 * days_ago + 18 * normal()))
    cells = [f"{revenue:.2f}" if draw() >= 0.02 else "", category,
             f"{engagement:.1f}" if draw() >= 0.015 else "", str(days_ago) if draw() >= 0.01 else ""]
    print(row, date, *cells, sep=",")
