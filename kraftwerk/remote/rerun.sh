# Restart what runit keeps, or have it kept again. What doesn't end within 15 seconds is killed.
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
  # What had to be killed counts as a failure for sv, though it is started again.
  sv -w 15 force-restart "/etc/service/$1" >/dev/null 2>&1 || sv -w 10 start "/etc/service/$1" >&2
}
main "$@" </dev/null
