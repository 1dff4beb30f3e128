"""What was found: on the screen, as JSON, as the page docs/benchmarks.md and as its plot."""

import json
import os
import platform
import subprocess
from collections.abc import Mapping
from dataclasses import asdict, dataclass, field
from datetime import UTC, datetime
from pathlib import Path
from statistics import median
from typing import Any

from tests.benchmarks.goals import Goal
from tests.benchmarks.growth import Curves, worst
from tests.benchmarks.lab import BENCH
from tests.benchmarks.measure import Times
from tests.benchmarks.rows import Row

PAGE = Path(__file__).with_name("page.md")
LINEAR = 1.0  # times a straight line from the first point


@dataclass
class Found:
    """All that a run found.

    Attributes:
        versions: of each tool.
        many: how many nodes the rows with several had.
        engine: MB that waits on a node for the next call.
        failed: the rows that could not be measured.
        date: of the run.
        apart: when rows of it were measured again, alone.
    """

    repeat: int
    many: int
    versions: Mapping[str, str]
    rows: list[tuple[Row, Times]] = field(default_factory=list)
    growth: Curves = field(default_factory=dict)
    engine: float = 0.0
    failed: list[str] = field(default_factory=list)
    date: str = field(default_factory=lambda: f"{datetime.now(UTC):%Y-%m-%d}")
    apart: dict[str, str] = field(default_factory=dict)

    def add(self, row: Row, times: Times) -> None:
        """Take a row in, and print it."""
        self.rows.append((row, times))
        for name in times:
            print(f"  {name:<18} {spread(times, name)}  {ratio(times, name)}")
        for goal in row.goals:
            print(f"  {goal.text:<34} {reached(goal, times)}  {verdict(goal.met(times))}", flush=True)

    def add_growth(self, curves: Curves, engine: float) -> None:
        """Take the curves and the engine's MB in, and print them."""
        self.growth, self.engine = curves, engine
        print(f"  {'engine on a node':<41} {engine:15.0f} MB")
        for title, points in curves.items():
            for point in points:
                print(f"  {title:<30} {point.nodes:>3} nodes {point.seconds:7.2f} s {point.megabytes:6.0f} MB")
            print(f"  {linear(points)}", flush=True)

    def missed(self) -> list[str]:
        """Return the goals that are not met, each with its row and what was reached."""
        goals = [
            f"{row.title.format(many=self.many)}: {goal.text}, reached {reached(goal, times)}"
            for row, times in self.rows
            for goal in row.goals
            if not goal.met(times)
        ]
        curves = [
            f"{title}, 1 to {points[-1].nodes} nodes: {linear(points).partition(' |')[0]} × linear"
            for title, points in self.growth.items()
            if not is_linear(points)
        ]
        return [*goals, *curves]

    def write(self, folder: Path) -> None:
        """Write the JSON, the plot and the page into a folder."""
        folder.mkdir(exist_ok=True)
        figures, plot = folder / "benchmarks.json", folder / "benchmarks.svg"
        figures.write_text(json.dumps(self.as_json(), indent=1) + "\n")
        command = [BENCH / "bin" / "python", Path(__file__).with_name("plot.py"), figures, plot]
        if self.rows:
            subprocess.run(command, check=True, timeout=120)
        (folder / "benchmarks.md").write_text(self.page())
        print(f"→ {folder / 'benchmarks.md'}")

    def as_json(self) -> dict[str, Any]:
        """Return all figures."""
        rows = [
            {
                "key": row.key,
                "title": row.title.format(many=self.many),
                "times": {name: [round(second, 4) for second in seconds] for name, seconds in times.items()},
                "goals": [
                    {"goal": goal.text, "reached": round(goal.value(times), 3), "met": goal.met(times)}
                    for goal in row.goals
                ],
            }
            for row, times in self.rows
        ]
        growth = {title: [asdict(point) for point in points] for title, points in self.growth.items()}
        return {
            "date": self.date,
            "machine": machine(),
            "repeat": self.repeat,
            "many": self.many,
            "apart": self.apart,
            "versions": dict(self.versions),
            "rows": rows,
            "growth": growth,
            "engine": self.engine,
        }

    def page(self) -> str:
        """Return the page."""
        return PAGE.read_text().format(
            machine=machine(),
            date=self.date,
            apart="".join(f" Measured again later, alone: {title} ({when})." for title, when in self.apart.items()),
            repeat=self.repeat,
            versions=", ".join(f"{name} {version}" for name, version in self.versions.items()),
            goals="\n".join(self._goals()),
            table="\n\n".join(map(self._table, *zip(*self.rows, strict=True))) if self.rows else "",
            engine=f"{self.engine:.0f}",
            growth="\n".join(self._growth()),
        )

    def _goals(self) -> list[str]:
        lines = []
        for row, times in self.rows:
            title = row.title.format(many=self.many)
            lines += [
                f"| {title} | {each.text} | {reached(each, times)} | {verdict(each.met(times))} |" for each in row.goals
            ]
        return [
            *lines,
            *(
                f"| 1 to {points[-1].nodes} nodes, {title} | ≤ 1 × linear | {linear(points)} |"
                for title, points in self.growth.items()
            ),
        ]

    def _table(self, row: Row, times: Times) -> str:
        lines = [f"**{row.title.format(many=self.many)}**", "", "| tool | seconds | × kraftwerk |", "|--|--|--|"]
        ordered = sorted(times, key=lambda name: median(times[name]))
        return "\n".join([*lines, *(f"| {name} | {spread(times, name)} | {ratio(times, name)} |" for name in ordered)])

    def _growth(self) -> list[str]:
        points = [list(each) for each in zip(*self.growth.values(), strict=True)]
        return [
            f"| {pair[0].nodes} | "
            + " | ".join(f"{each.seconds:.2f} s, {each.megabytes:.0f} MB" for each in pair)
            + " |"
            for pair in points
        ]


def spread(times: Times, name: str) -> str:
    """Return a median with the least and the most: `0.20 (0.19 to 0.24)`."""
    seconds = times[name]
    return f"{median(seconds):.2f} ({min(seconds):.2f} to {max(seconds):.2f})"


def ratio(times: Times, name: str) -> str:
    """Return how many times as long as ours a tool took."""
    return f"{median(times[name]) / median(times['kraftwerk']):.2f}"


def reached(goal: Goal, times: Times) -> str:
    """Return what was reached, with the least and the most of single rounds."""
    low, high = goal.spread(times)
    unit = " s" if goal.minus or not goal.against else ""
    return f"{goal.value(times):.2f}{unit} ({low:.2f} to {high:.2f})"


def verdict(met: bool) -> str:
    """Return whether a goal is met."""
    return "met" if met else "**not met**"


def linear(points: list[Any]) -> str:
    """Return how time and memory grow beside a straight line, and whether that is good enough."""
    seconds, megabytes = worst(points, "seconds"), worst(points, "megabytes")
    return f"time {seconds:.2f}, memory {megabytes:.2f} | {verdict(is_linear(points))}"


def is_linear(points: list[Any]) -> bool:
    """Tell whether neither time nor memory grows faster than a straight line from the first point."""
    return max(worst(points, "seconds"), worst(points, "megabytes")) <= LINEAR


def machine() -> str:
    """Return what this machine is: cores, processor, memory, kernel."""
    text = Path("/proc/cpuinfo").read_text()
    model = next((line.split(":")[1].strip() for line in text.splitlines() if line.startswith("model name")), "")
    memory = int(Path("/proc/meminfo").read_text().split()[1]) / 1024**2
    system = f"Linux {platform.release().split('-')[0]}, Python {platform.python_version()}"
    return f"{os.cpu_count()} cores ({model or platform.machine()}), {memory:.0f} GB, {system}"
