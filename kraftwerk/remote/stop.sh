# Stop a slot: its requests are finished, for as long as they are given; what is left then is killed.
# stop.sh INSTANCE SLOT SECONDS
main() {
  [ "$(readlink "/web/$1/slots/live")" != "$2" ] || { echo "slot $2 is live" >&2; return 1; }
  [ -d "/etc/sv/$1-web-$2" ] && touch "/etc/sv/$1-web-$2/down"
  # What gunicorn has not accepted yet when it is told to stop would be reset: 45 of 268 requests where many were slow.
  # What it has accepted it finishes by itself; only websockets are closed at once, and browsers come back to the new one.
  until=$(($(date +%s) + $3))
  while queued "/run/kraftwerk/$1/$2.sock" && [ "$(date +%s)" -lt "$until" ]; do sleep 0.05; done
  service=/etc/service/$1-web-$2
  if [ -p "$service/supervise/ok" ]; then
    sv down "$service" >/dev/null
    least=$(($(date +%s) + 2))
    [ "$until" -gt "$least" ] || until=$least
    ended "$service" "$until" || { sv kill "$service" >/dev/null; ended "$service" $((until + 10)); } ||
      { echo "$service can't be stopped" >&2; return 1; }
  fi
  cd "/web/$1/slots"
  rm -f "$2" "$2.standby" "$2.go" "/run/kraftwerk/$1/$2.ready" "/run/kraftwerk/$1/$2.sock"
}
# sv itself would look every 0.4 s only.
ended() {
  while case $(sv status "$1") in run:*) ;; *) return 0 ;; esac; do
    [ "$(date +%s)" -lt "$2" ] || return 1
    sleep 0.03
  done
}
# Connections in the queue of a socket: they have no process yet, which the kernel shows as state 2.
queued() { awk -v path="$1" '$NF == path && $6 == "02" { found = 1 } END { exit !found }' /proc/net/unix; }
main "$@" </dev/null
