"""What was found, as text."""

from statistics import median

from tests.benchmarks.measure import Times
from tests.benchmarks.rows import Row


def show(row: Row, times: Times) -> None:
    """Print a row's medians and goals."""
    for name, seconds in times.items():
        print(f"  {name:<18} {median(seconds):7.3f} s  ({min(seconds):.3f} to {max(seconds):.3f})")
    for goal in row.goals:
        low, high = goal.spread(times)
        print(
            f"  {goal.text:<34} {goal.value(times):.2f} ({low:.2f} to {high:.2f})  {'met' if goal.met(times) else 'MISSED'}"
        )
