"""Why visitors would notice a deploy. The switch itself is none: it is one rename, with both releases running."""

from collections.abc import Iterable

from kraftwerk.highstate import Outcome
from kraftwerk.instance import Instance

RESTARTED = "set to be restarted"  # what Salt's test says of a service
COMMAND = "systemctl restart "


def reasons(outcomes: Iterable[Outcome], before: Instance | None, after: Instance) -> tuple[str, ...]:
    """Return why there would be downtime, in words; nothing where there is none.

    Args:
        outcomes: what a test of the states told, of each node that would change.
        before: the instance as the node has it, None where nothing is live: then there is nobody to notice.
    """
    if before is None:
        return ()
    restarts = [f"{each} restarts, for about a second" for outcome in outcomes for each in _restarted(outcome)]
    gone = [f"{domain} is not served any more" for domain in _domains(before) if domain not in _domains(after)]
    return (*dict.fromkeys(restarts), *gone)


def _restarted(outcome: Outcome) -> list[str]:
    """Return the services that would be restarted."""
    named = (result.name.removeprefix(COMMAND) for result in outcome.changed if result.name.startswith(COMMAND))
    return [*(result.name for result in outcome.changed if RESTARTED in result.comment), *named]


def _domains(instance: Instance) -> tuple[str, ...]:
    return (*instance.domains, *instance.aliases)
