# Stop the slots that run and aren't live: what a deploy or rollback left behind that was killed.
# idle.sh INSTANCE
main() {
  live=$(readlink "/web/$1/slots/live")
  for slot in a b; do
    service=/etc/service/$1-web-$slot
    [ "$slot" != "$live" ] || continue
    case $(sv status "$service" 2>/dev/null) in run:*) sv -w 2 force-stop "$service" ;; esac
  done
}
main "$@" </dev/null >/dev/null 2>&1
