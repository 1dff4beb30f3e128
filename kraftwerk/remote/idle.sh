# Stop the slots that run and aren't live: what a deploy or rollback left behind that was killed. What stands by ends by
# itself, and serve --full waits for it to be there at the next save.
# idle.sh INSTANCE
main() {
  live=$(readlink "/web/$1/slots/live")
  for slot in a b; do
    service=/etc/service/$1-web-$slot
    [ "$slot" != "$live" ] && ! stands_by "/web/$1/slots/$slot" || continue
    case $(sv status "$service" 2>/dev/null) in run:*) sv -w 2 force-stop "$service" ;; esac
  done
}
stands_by() { [ -e "$1.standby" ] && [ ! -e "$1.go" ]; }
main "$@" </dev/null >/dev/null 2>&1
