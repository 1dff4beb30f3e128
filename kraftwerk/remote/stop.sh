# Stop a slot: its requests are finished, for as long as they are given; what is left then is killed.
# stop.sh INSTANCE SLOT SECONDS
main() {
  ! live "$@" || return 1
  # Whoever asked for this may die meanwhile: with this lock idle.sh lets it go on, and the next boot waits for it.
  (umask 077 && mkdir -p /run/kraftwerk-lock)
  exec 6>>"/run/kraftwerk-lock/$1.$2.drain"
  flock 6
  [ -d "/etc/sv/$1-web-$2" ] && touch "/etc/sv/$1-web-$2/down"
  # What gunicorn has not accepted yet when it is told to stop would be reset: 45 of 268 requests where many were slow.
  # Websockets and long answers of an asynchronous application it would close at once. So all that is open has its time
  # before it is told. nginx opens a connection for each request, and leads no new one here.
  until=$(($(date +%s) + $3)) idle=0 looks=0 pause=0.02
  while [ "$idle" -lt 2 ] && [ "$(date +%s)" -lt "$until" ]; do
    if open "/run/kraftwerk/$1/$2.sock"; then idle=0; else idle=$((idle + 1)); fi
    looks=$((looks + 1))
    [ "$looks" -lt 40 ] || pause=0.1 # what takes longer is not worth the time of those who are served
    sleep "$pause"
  done
  # Ctrl-C at the switch: what it asked for last may only have come to its end now.
  ! live "$@" || { rm -f "/etc/sv/$1-web-$2/down"; return 1; }
  service=/etc/service/$1-web-$2
  if [ -p "$service/supervise/ok" ]; then
    sv down "$service" >/dev/null
    least=$(($(date +%s) + 2))
    [ "$until" -gt "$least" ] || until=$least
    if ! ended "$service" "$until"; then
      left=$(below $(cat "$service/supervise/pid"))
      sv kill "$service" >/dev/null
      kill -KILL $left 2>/dev/null || true
      ended "$service" $((until + 10)) || { echo "$service can't be stopped" >&2; return 1; }
    fi
  fi
  cd "/web/$1/slots"
  rm -f "$2" "$2.standby" "$2.go" "$2.few" "/run/kraftwerk/$1/$2.ready" "/run/kraftwerk/$1/$2.sock"
}
live() { [ "$(readlink "/web/$1/slots/live")" = "$2" ] && echo "slot $2 is live" >&2; }
# sv itself would look every 0.4 s only.
ended() {
  while case $(sv status "$1") in run:*) ;; *) return 0 ;; esac; do
    [ "$(date +%s)" -lt "$2" ] || return 1
    sleep 0.03
  done
}
# All processes below some, with them. A gunicorn that is killed leaves workers behind that are busy starting.
below() { for pid in "$@"; do echo "$pid"; below $(pgrep -P "$pid"); done; }
# Connections to a socket: accepted ones are in state 3 for the kernel, those in its queue, which have no process yet, in 2.
open() { awk -v path="$1" '$NF == path && ($6 == "02" || $6 == "03") { found = 1; exit } END { exit !found }' /proc/net/unix; }
main "$@" </dev/null
