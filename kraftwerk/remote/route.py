"""Print the address that this node has towards a host: what that host sees it come from. route.py HOST"""

import socket
import sys

there = socket.getaddrinfo(sys.argv[1], 9, type=socket.SOCK_DGRAM)[0]
with socket.socket(there[0], there[1]) as way:
    way.connect(there[4])  # sends nothing
    print(way.getsockname()[0])
