"""
Look at the health of all nodes, and tell the reactor what is wrong with them
=============================================================================

Every ``reactor.interval`` seconds (config.yaml) each node of the roster is looked at in one ssh round trip. What two
looks see fires ``kraftwerk/node/<node>/raised``; when it is gone, ``kraftwerk/node/<node>/cleared`` follows, and while
it stays, ``kraftwerk/node/<node>/persists`` after 10, 20, 40 … minutes.
Their data: node, problem, detail, advice, since.

:depends: kraftwerk, installed beside Salt on the admin

.. code-block:: yaml

    engines:
      - kw_health: {}
"""

import logging
import threading
import time

from kraftwerk import admin, alert, events
from kraftwerk.errors import KraftwerkError
from kraftwerk.node import all_nodes
from kraftwerk.patrol import Patrol

log = logging.getLogger("kraftwerk.health")
DELIVER = 1  # seconds between two looks for alerts that wait
AFTER_ERROR = 30  # seconds; config.yaml may be wrong for a while
READ = 5  # seconds between two readings of config.yaml and the roster


def start():
    """Look at nodes for as long as the master runs; deliver alerts that could not be delivered before."""
    threading.Thread(target=_forever, args=("alerts", alert.flush, DELIVER), daemon=True).start()
    _forever("health", _patrol, 0)


def _forever(what, work, pause):
    """Do some work again and again, whatever happens: an engine that raises is not started again."""
    while True:
        try:
            work()
            time.sleep(pause)
        except KraftwerkError as error:
            log.error("%s: goes on after an error: %s", what, error)
            time.sleep(AFTER_ERROR)
        except Exception:
            log.exception("%s: goes on after an error", what)
            time.sleep(AFTER_ERROR)


def _patrol():
    """Look at nodes until something goes wrong."""
    patrol, read = Patrol(_tell), 0.0
    while True:
        if time.monotonic() - read >= READ:
            interval, nodes, read = admin.load().reactor.interval, all_nodes(), time.monotonic()
        patrol.step(nodes, interval)


def _tell(change):
    """Fire an event. Nothing is remembered as told that could not be fired."""
    log.info("%s %s: %s", change.tag, change.known.name, change.known.detail)
    if not events.fire(change.tag, change.data):
        raise RuntimeError(f"the event {change.tag} could not be fired")
