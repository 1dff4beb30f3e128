#!/bin/sh
# Called by runit in place of sending TERM. Written by kraftwerk.
kill -INT "$(cat supervise/pid)"
