# Restart what runit keeps, or have it kept again. What doesn't end in time is killed: 15 seconds, or what it says, up to 60.
# rerun.sh SERVICE
main() {
  [ -e "/etc/service/$1" ] || ln -sfn "/etc/sv/$1" "/etc/service/$1"
  tries=100
  until sv status "/etc/service/$1" >/dev/null 2>&1; do
    tries=$((tries - 1))
    [ "$tries" -gt 0 ] || { echo "runit doesn't watch $1" >&2; return 1; }
    pkill -CHLD -x runsvdir || true
    sleep 0.1
  done
  seconds=15
  [ ! -e "/etc/sv/$1/stop" ] || read -r _ seconds <"/etc/sv/$1/stop"
  [ "$seconds" -gt 0 ] || seconds=15
  [ "$seconds" -le 60 ] || seconds=60
  rm -f "/etc/sv/$1/supervise/exits" "/etc/sv/$1/supervise/stopped"
  # What had to be killed counts as a failure for sv, though it is started again.
  sv -w "$seconds" force-restart "/etc/service/$1" >/dev/null 2>&1 || sv -w 10 start "/etc/service/$1" >&2
}
main "$@" </dev/null
