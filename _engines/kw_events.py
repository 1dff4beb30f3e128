"""
Keep a journal of what happens, for ``kraftwerk reactor status`` and ``kraftwerk reactor events``
=================================================================================================

:depends: kraftwerk, installed beside Salt on the admin

.. code-block:: yaml

    engines:
      - kw_events: {}
"""

import logging
import time

import salt.utils.event

from kraftwerk import events, saltmaster
from kraftwerk.paths import reactor_home

MINUTE = 60  # seconds; so often the log's length is looked at

log = logging.getLogger("kraftwerk.events")


def start():
    """Write every event of kraftwerk and of salt-cloud into the journal, for as long as the master runs."""
    while True:
        try:
            _listen()
        except Exception:
            log.exception("The journal of events is begun anew")
            time.sleep(1)


def _listen():
    with salt.utils.event.get_master_event(__opts__, __opts__["sock_dir"], listen=True) as bus:
        while True:
            if event := bus.get_event(wait=MINUTE, full=True, auto_reconnect=True):
                events.keep(event["tag"], event["data"])
            saltmaster.trim(reactor_home())
