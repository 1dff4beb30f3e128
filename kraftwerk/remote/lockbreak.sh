# Take a lock away from the holder that has this ticket; anybody else's is left alone. Prints `broken`, or nothing.
# lockbreak.sh NAME TICKET WHO
main() {
  kept=/var/lib/kraftwerk/locks/$1
  if [ "$(sed -n 2p "$kept" 2>/dev/null)" = "$2" ]; then
    rm -f "$kept"
    echo broken
    return 0
  fi
  cd /run/kraftwerk-lock
  { read -r open && read -r ticket; } <"$1.owner" 2>/dev/null || return 0
  [ "$ticket" = "$2" ] && [ "/proc/$open" -ef "$1" ] || return 0
  pid=${open%%/*}
  umask 077
  printf '%s\n' "$3" >"$1.broken"
  kill -TERM "$pid"
  # It ends what its holder still runs here, which is given ten seconds, and cleans up behind it.
  flock -w 30 "$1" true || { kill -KILL "$pid"; flock -w 10 "$1" true; }
  echo broken
}
main "$@" </dev/null
