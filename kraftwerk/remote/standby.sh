# Have the slot that isn't live load what its next release will be made of, and wait for its word: boot.sh says it.
# standby.sh INSTANCE SLOT NUMBER PROGRAM
main() {
  umask 022
  service=/etc/service/$1-web-$2
  [ "$(readlink "/web/$1/slots/live")" != "$2" ] || { echo "slot $2 is live" >&2; return 1; }
  [ "$(readlink "/web/$1/slots/$2")" != "../releases/$3" ] || ! stands_by "/web/$1/slots/$2" || return 0
  # What a release before left open there has its time (stop.sh), and this one boots a little later.
  [ ! -e "/run/kraftwerk-lock/$1.$2.drain" ] || flock -n "/run/kraftwerk-lock/$1.$2.drain" true || return 0
  ! running || sv -w 10 force-stop "$service" >/dev/null || true # what stands by for another release
  touch "/etc/sv/$1-web-$2/down"
  ln -sfn "../releases/$3" "/web/$1/slots/$2"
  rm -f "/web/$1/slots/$2.go" "/run/kraftwerk/$1/$2.ready"
  printf '%s\n' "$4" >"/web/$1/slots/$2.standby"
  sv once "$service" >/dev/null || { rm "/web/$1/slots/$2.standby"; return 0; } # it only would have been quicker
  # runsv sleeps for a second after what ended within its first one: what it is told meanwhile it would do all at once.
  tries=120
  while ! running && [ "$tries" -gt 0 ]; do
    tries=$((tries - 1))
    sleep 0.025
  done
}
stands_by() { [ -e "$1.standby" ] && [ ! -e "$1.go" ] && running; }
running() { case $(sv status "$service") in run:*) ;; *) return 1 ;; esac; }
main "$@" </dev/null
