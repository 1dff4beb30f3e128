# Have gunicorn in a slot start more workers, one after the other: signals that wait become one.
# grow.sh INSTANCE SLOT COUNT
main() {
  pid=$(cat "/etc/service/$1-web-$2/supervise/pid")
  for left in $(seq "$3" -1 1); do
    before=$(workers) tries=100
    kill -TTIN "$pid"
    while [ "$left" -gt 1 ] && [ "$(workers)" -le "$before" ] && [ "$tries" -gt 0 ]; do
      tries=$((tries - 1))
      sleep 0.02
    done
  done
}
workers() { pgrep -c -P "$pid" || true; }
main "$@" </dev/null
