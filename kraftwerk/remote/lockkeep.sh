# Have a lock stay after we are gone, until somebody takes it away: over reboots, too. The caller holds it meanwhile.
# lockkeep.sh NAME UNTIL TICKET OWNER: UNTIL in seconds of the epoch, 0 for no end.
main() {
  umask 077
  mkdir -p /var/lib/kraftwerk/locks
  cd /var/lib/kraftwerk/locks
  printf '%s\n' "$2" "$3" "$4" >".$1"
  mv -T ".$1" "$1"
}
main "$@" </dev/null
