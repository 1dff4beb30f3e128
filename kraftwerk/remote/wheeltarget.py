"""Print what wheels have to fit for the Python that runs this, any from 3.6 on: that of a virtualenv, for example."""

import json
import os
import platform

try:
    libc = os.confstr("CS_GNU_LIBC_VERSION") or ""
except (ValueError, OSError):
    libc = "musl 1.2"
print(json.dumps({"python": platform.python_version(), "machine": platform.machine(), "libc": libc}))
