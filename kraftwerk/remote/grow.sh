# Have gunicorn in a slot start more workers.
# grow.sh INSTANCE SLOT COUNT
main() {
  pid=$(cat "/etc/service/$1-web-$2/supervise/pid")
  for _ in $(seq "$3"); do kill -TTIN "$pid"; done
}
main "$@" </dev/null
