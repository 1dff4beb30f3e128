# Have workers run the live release: started where they weren't yet, restarted where they were, without waiting for
# what they do then.
# workers.sh INSTANCE [NAME…]
main() {
  instance=$1
  shift
  for name in "$@"; do
    service=/etc/service/$instance-$name
    if [ -e "$service" ]; then
      sv up "$service" >/dev/null || true
      sv term "$service" >/dev/null || true
    else
      ln -sfn "/etc/sv/$instance-$name" "$service"
    fi
  done
  for name in "$@"; do
    watched "/etc/service/$instance-$name" || echo "runit doesn't watch $instance-$name" >&2
  done
}
# Left alone, runsvdir looks for new services every five seconds only.
watched() {
  tries=100
  until sv status "$1" >/dev/null 2>&1; do
    tries=$((tries - 1))
    [ "$tries" -gt 0 ] || return 1
    pkill -CHLD -x runsvdir || true
    sleep 0.1
  done
}
main "$@" </dev/null
