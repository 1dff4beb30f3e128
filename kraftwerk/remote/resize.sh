# Have gunicorn in the live slot run as many workers as are wanted, more or fewer one after the other, since signals that
# wait become one. Those that end finish their requests, and aren't waited for.
# resize.sh INSTANCE [COUNT]: by default as many as its run script says.
main() {
  slot=$(readlink "/web/$1/slots/live") || return 0 # nothing is live, so that nothing runs
  service=/etc/service/$1-web-$slot wanted=${2-} signal=TTIN
  [ -n "$wanted" ] || wanted=$(sed -n 's/.*--workers \([0-9][0-9]*\).*/\1/p' "$service/run")
  pid=$(cat "$service/supervise/pid")
  left=$((wanted - $(workers)))
  [ "$left" -ge 0 ] || { signal=TTOU left=$((-left)); }
  while [ "$left" -gt 0 ]; do
    before=$(workers) tries=25 left=$((left - 1))
    kill -s "$signal" "$pid"
    while [ "$(workers)" -eq "$before" ] && [ "$tries" -gt 0 ]; do
      tries=$((tries - 1))
      sleep 0.02
    done
  done
}
workers() { pgrep -c -P "$pid" || true; }
main "$@" </dev/null
