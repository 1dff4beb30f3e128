# Run words that end when their caller goes: its end of our stdin closes then, and all that they started is told to stop.
# Not fed over stdin but given as an argument of sh -c.
exec 3<&0
setsid "$@" </dev/null 3<&- &
child=$!
{ cat <&3 >/dev/null; kill -TERM "-$child"; } >/dev/null 2>&1 &
watch=$!
exec 3<&-
wait "$child"
code=$?
kill "$watch" 2>/dev/null
exit "$code"
