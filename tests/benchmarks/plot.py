"""The plot of docs/benchmarks.md, from the JSON beside it: `python plot.py FIGURES.json PLOT.svg`.

It is run by the peers' virtualenv, which has matplotlib: nothing but this needs it.
"""

import json
import sys
from pathlib import Path
from statistics import median

import matplotlib

matplotlib.use("svg")
from matplotlib import pyplot as plt

OURS, OTHERS, NOT_MET = "#1f6f5c", "#b9c4c9", "#b23b3b"
STYLE = {"svg.hashsalt": "kraftwerk", "font.size": 8, "axes.spines.top": False, "axes.spines.right": False}


def bars(axes, row):
    """Draw a row: a bar for each tool, and from the least to the most that it took."""
    times = dict(sorted(row["times"].items(), key=lambda item: -median(item[1])))
    middle = [median(seconds) for seconds in times.values()]
    low = [value - min(seconds) for value, seconds in zip(middle, times.values(), strict=True)]
    high = [max(seconds) - value for value, seconds in zip(middle, times.values(), strict=True)]
    colours = [OURS if name.startswith("kraftwerk") else OTHERS for name in times]
    axes.barh(list(times), middle, color=colours, xerr=[low, high], error_kw={"elinewidth": 0.8, "ecolor": "#444"})
    for place, (value, up) in enumerate(zip(middle, high, strict=True)):
        axes.annotate(f"{value:.2f}", (value + up, place), (3, 0), textcoords="offset points", va="center", fontsize=7)
    axes.set_title(row["title"].replace("`", ""), loc="left", fontsize=9)
    axes.margins(x=0.15)


def curve(axes, growth, what, label):
    """Draw how seconds or megabytes grow with the nodes, and straight lines from the first point beside them."""
    for (title, points), colour in zip(growth.items(), (OURS, "#c98a1b"), strict=True):
        nodes = [point["nodes"] for point in points]
        axes.plot(nodes, [point[what] for point in points], "o-", color=colour, label=title, markersize=3)
        axes.plot(nodes, [points[0][what] * count for count in nodes], ":", color=colour, linewidth=0.8)
    axes.set_xscale("log", base=2)
    axes.set_yscale("log", base=2)
    axes.set_xticks(nodes, [str(count) for count in nodes])
    axes.yaxis.set_major_formatter("{x:g}")
    axes.set_title(label, loc="left", fontsize=9)
    axes.legend(frameon=False, fontsize=7)


def draw(figures, path):
    """Write the plot."""
    rows, growth = figures["rows"], figures.get("growth")
    lines = (len(rows) + 1) // 2
    plt.rcParams.update(STYLE)
    figure, places = plt.subplots(lines + bool(growth), 2, figsize=(10, 1.9 * lines + 3 * bool(growth)), squeeze=False)
    places = list(places.flat)
    for row in rows:
        bars(places.pop(0), row)
    if len(rows) % 2:
        places.pop(0).axis("off")
    if growth:
        curve(places[0], growth, "seconds", "seconds by nodes (dotted: linear)")
        curve(places[1], growth, "megabytes", "MB here by nodes (dotted: linear)")
    figure.tight_layout()
    figure.savefig(path, metadata={"Date": None})


if __name__ == "__main__":
    draw(json.loads(Path(sys.argv[1]).read_text()), sys.argv[2])
