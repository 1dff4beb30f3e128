# Stop the slots that run and aren't live: what a deploy or rollback left behind that was killed. What was live until it
# switched has its time for what is open, while others go on. What stands by for serve --full stays: it ends by itself,
# and is waited for at the next save. What is being stopped (stop.sh) has its time.
# idle.sh INSTANCE; $stop is the text of stop.sh (kraftwerk/slot.py).
main() {
  live=$(readlink "/web/$1/slots/live")
  for slot in a b; do
    service=/etc/service/$1-web-$slot
    [ "$slot" != "$live" ] && ! stands_by "/web/$1/slots/$slot" && ! drains "$1.$slot" || continue
    case $(sv status "$service" 2>/dev/null) in run:*) ;; *) continue ;; esac
    pid=$(cat "$service/supervise/pid")
    if was_live "$pid"; then
      seconds=$(sed -n 's/.*--graceful-timeout \([0-9][0-9]*\).*/\1/p' "$service/run")
      setsid sh -euc "$stop" kraftwerk-stop "$1" "$slot" "${seconds:-30}" 9>&- & # file 9 is the lock
      continue
    fi
    left=$(below "$pid")
    sv -w 2 force-stop "$service" || true
    kill -KILL $left || true
  done
}
# What boots is what the kernel ends first (web.jinja), until it is switched to (switch.sh).
was_live() { case $(cat "/proc/$1/oom_score_adj" 2>/dev/null) in 0 | 300) ;; *) false ;; esac; }
# All processes below some, with them. A gunicorn that is killed leaves workers behind that are busy starting.
below() { for pid in "$@"; do echo "$pid"; below $(pgrep -P "$pid"); done; }
drains() { [ -e "/run/kraftwerk-lock/$1.drain" ] && ! flock -n "/run/kraftwerk-lock/$1.drain" true; }
stands_by() { [ -e "$1.standby" ] && [ ! -e "$1.go" ] && grep -q '"served": true' "$1/release.json"; }
main "$@" </dev/null >/dev/null 2>&1
