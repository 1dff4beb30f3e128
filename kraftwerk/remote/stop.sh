# Stop a slot: its requests are finished, for as long as they are given; what is left then is killed.
# stop.sh INSTANCE SLOT SECONDS
main() {
  [ "$(readlink "/web/$1/slots/live")" != "$2" ] || { echo "slot $2 is live" >&2; return 1; }
  [ -d "/etc/sv/$1-web-$2" ] && touch "/etc/sv/$1-web-$2/down"
  [ -p "/etc/service/$1-web-$2/supervise/ok" ] && sv -w "$3" force-stop "/etc/service/$1-web-$2" >/dev/null
  rm -f "/web/$1/slots/$2" "/run/kraftwerk/$1/$2.sock"
}
main "$@" </dev/null
