# Have workers run the live release: started where they weren't yet, restarted where they were, without waiting.
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
}
main "$@" </dev/null
