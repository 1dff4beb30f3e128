# Start a release in the slot that isn't live, or say its word to what stands by there for it. Prints the size of its
# log before, so that the new lines can be told.
# boot.sh INSTANCE SLOT NUMBER [WORKERS]: with how many it starts, where they aren't all to start yet.
main() {
  instance=$1 slot=$2 service=/etc/service/$1-web-$2
  [ "$(readlink "/web/$1/slots/live")" != "$slot" ] || { echo "slot $slot is live" >&2; return 1; }
  echo "$3 boot" >"/web/$1/slots/phase" || true # for who goes on with a deploy that was killed (history.sh)
  rm -f "/web/$1/slots/$2.few"
  [ -z "${4-}" ] || printf '%s\n' "$4" >"/web/$1/slots/$2.few"
  if [ -z "${4-}" ] && stands_by "$@"; then # what stands by has all of them
    size "$@"
    : >"/web/$1/slots/$2.go"
    [ ! -e "/run/kraftwerk/$1/$2.ready" ] || sv 1 "$service" >/dev/null # else it will look for the file itself
    return 0
  fi
  # What a release before left open there has its time (stop.sh), though whoever asked for it may be gone.
  [ ! -e "/run/kraftwerk-lock/$1.$2.drain" ] || flock "/run/kraftwerk-lock/$1.$2.drain" true
  rm -f "/web/$1/slots/$2.standby" "/web/$1/slots/$2.go"
  touch "/etc/sv/$1-web-$2/down"
  ln -sfn "/etc/sv/$1-web-$2" "$service"
  wait_for 400 watched "$service" || { echo "runit doesn't watch $service" >&2; return 1; }
  left=$(below $(cat "$service/supervise/pid" 2>/dev/null))
  sv -w 10 force-stop "$service" >/dev/null || true
  [ -z "$left" ] || kill -KILL $left 2>/dev/null || true
  ln -sfn "../releases/$3" "/web/$1/slots/.$slot"
  mv -T "/web/$1/slots/.$slot" "/web/$1/slots/$slot"
  rm -f "/run/kraftwerk/$1/$slot.sock"
  size "$@" # only now: what had to be killed in this slot said so
  # `once`, not `up`: a release that exits isn't started again and again, and the gate sees it at once.
  sv once "$service" >/dev/null
  wait_for 120 running "$service" || true # runsv sleeps for a second after what ended within its first one
}
size() { stat -c %s "/var/log/kraftwerk/$1/web-$2/current" 2>/dev/null || echo 0; }
# All processes below some, with them. A gunicorn that is killed leaves workers behind that are busy starting.
below() { for pid in "$@"; do echo "$pid"; below $(pgrep -P "$pid"); done; }
watched() {
  case $(sv status "$1") in run:* | down:* | finish:*) ;; *) pkill -CHLD -x runsvdir; return 1 ;; esac
}
stands_by() {
  [ -e "/web/$1/slots/$2.standby" ] && [ ! -e "/web/$1/slots/$2.go" ] &&
    [ "$(readlink "/web/$1/slots/$2")" = "../releases/$3" ] && running "$service"
}
running() { case $(sv status "$1") in run:*) ;; *) return 1 ;; esac; }
wait_for() {
  tries=$1
  shift
  while ! "$@" >/dev/null 2>&1; do
    tries=$((tries - 1))
    [ "$tries" -gt 0 ] || return 1
    sleep 0.025
  done
}
main "$@" </dev/null
