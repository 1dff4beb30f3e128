# Have workers run the live release: started where they weren't yet, restarted where they were, without waiting for
# what they do then. What they did before is forgotten: one that was stopped as it ended again and again starts. Prints
# `unsteady UNIT` for those that ended by themselves more than once within two minutes, or were stopped for that, and
# `new UNIT` for those that nobody had started before.
# workers.sh INSTANCE [UNIT…]
main() {
  instance=$1
  shift
  for unit in "$@"; do
    service=/etc/service/$instance-$unit
    folder=/etc/sv/$instance-$unit/supervise
    ! unsteady || echo "unsteady $unit"
    rm -f "$folder/exits" "$folder/stopped"
    [ ! -d "$folder" ] || stat -c %s "/var/log/kraftwerk/$instance/$unit/current" >"$folder/logged" 2>/dev/null || true
    if [ -e "$service" ]; then
      before=$(sv status "$service") || true
      sv up "$service" >/dev/null || true
      # Noted here, too (control.jinja): who looks at it in a moment must not take what ends now for what was started.
      case $before in run:*) : >"$folder/asked"; sv term "$service" >/dev/null || true ;; esac
    else
      echo "new $unit"
      rm -f "/etc/sv/$instance-$unit/down" # of halt.sh
      ln -sfn "/etc/sv/$instance-$unit" "$service"
    fi
  done
  for unit in "$@"; do
    watched "/etc/service/$instance-$unit" || echo "runit doesn't watch $instance-$unit" >&2
  done
}
unsteady() {
  [ -e "$folder/stopped" ] ||
    [ "$(awk -v now="$(date +%s)" '$1 > now - 120' "$folder/exits" 2>/dev/null | wc -l)" -ge 2 ]
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
