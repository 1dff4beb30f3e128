# Print what wheels for this Python have to fit. Any Python from 3.6 on runs it: that of a virtualenv, for example.
import json
import os
import platform

try:
    libc = os.confstr("CS_GNU_LIBC_VERSION") or ""
except (ValueError, OSError):
    libc = "musl 1.2"
print(json.dumps({"python": platform.python_version(), "machine": platform.machine(), "libc": libc}))
