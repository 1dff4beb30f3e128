# Stop an instance that is on its way here and didn't arrive: nobody is led to it, and it shall do nothing.
# inert.sh INSTANCE
main() {
  [ -e "/web/$1/slots/arriving" ] || return 0
  rm -f "/run/kraftwerk/$1/current.sock" "/web/$1/slots/live" "/web/$1/current"
  for slot in a b; do
    [ -d "/etc/sv/$1-web-$slot" ] || continue
    touch "/etc/sv/$1-web-$slot/down"
    sv -w 5 force-stop "/etc/service/$1-web-$slot" || true
  done
}
main "$@" </dev/null >/dev/null 2>&1
