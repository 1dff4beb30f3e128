# Hold a lock of the node for as long as whoever is at the other end of stdin says a line every few seconds. Runs in bash.
# lock.sh NAME OWNER TICKET TICKETS LEASE LAST WATCH SILENCE
# Prints `held`; `lent`, when one of TICKETS (with commas) is that of who holds it, who waits for us; and exits with 75
# when somebody else holds it, whose OWNER it prints; with 76 when that one has the whole node by hand. When the lease
# ends before we are told `done`, it prints why.
# The lock is the kernel's: it goes with the last process that has file 9 open.
main() {
  name=$1 ticket=$3 tickets=,$4, lease=$5 last=$6
  trap '' PIPE # nobody may be there to hear why it ended, and LAST is run all the same
  umask 077
  cd /run/kraftwerk-lock 2>/dev/null || { mkdir -p /run/kraftwerk-lock && cd /run/kraftwerk-lock; } || exit 1
  exec 9>>"$name"
  flock -n 9 || taken
  by_hand "$name" 75
  by_hand node 76
  [ "$name" != node ] || no_run
  # What a hold stopped whose caller was killed is being started again (hold.py): that is waited for.
  [ ! -e "$name.hold" ] || flock -s -w 60 "$name.hold" true
  [ ! -e "$name.broken" ] || rm -f "$name.broken"
  printf '%s\n' "$$/fd/9" "$ticket" "$2" >"$name.owner"
  trap 'let_go "broken $(cat "$name.broken" 2>/dev/null)"' TERM
  sh -c "$7" kraftwerk-silence "$8" </dev/null >/dev/null 2>&1 9>&- &
  watch=$!
  echo held
  while :; do
    read -r -t "$lease" line
    case $? in 0) [ "$line" != done ] || let_go ;; 1) let_go gone ;; *) let_go expired ;; esac
  done
}
# let_go [WORD]: after a word, why not all is done, what the holder still runs here is ended before others come.
let_go() {
  trap '' TERM
  kill "$watch" 2>/dev/null
  if [ -n "${1-}" ]; then
    [ "$1" = gone ] || echo "$1"
    end TERM
    end KILL
  fi
  [ -z "$last" ] || sh -c "$last" kraftwerk-unlock "$name"
  : >"$name.owner"
  exit 0
}
# end SIGNAL: what leash.py started for the holder knows the ticket; it is given five seconds.
end() {
  tries=50
  while [ "$tries" -gt 0 ] && pids=$(grep -lsz "^KRAFTWERK_LOCK=.*$ticket" /proc/[0-9]*/environ | cut -d / -f 3) && [ -n "$pids" ]; do
    [ "$tries" -lt 50 ] || kill -s "$1" $pids 2>/dev/null
    tries=$((tries - 1))
    sleep 0.1
  done
}
# Say who holds it; who has just got it has not written that down yet, and what stands there may be of the one before.
taken() {
  tries=60
  until { read -r file && read -r theirs && read -r owner; } <"$name.owner" 2>/dev/null && [ "/proc/$file" -ef "$name" ]; do
    flock -n 9 && return
    tries=$((tries - 1))
    [ "$tries" -gt 0 ] || exit 75
    sleep 0.05
  done
  if known "$theirs"; then echo lent; exit 0; fi
  echo "$owner"
  exit 75
}
# by_hand NAME CODE: leave it to whoever took it by hand (lockkeep.sh), until that one's time is over.
by_hand() {
  file=/var/lib/kraftwerk/locks/$1
  { read -r until && read -r theirs && read -r owner; } <"$file" 2>/dev/null || return 0
  if [ "$until" -ne 0 ] && [ "$until" -le "$(date +%s)" ]; then
    [ "$1" != "$name" ] || rm -f "$file" # of another name somebody may take it anew just now
    return 0
  fi
  known "$theirs" || { echo "$owner"; exit "$2"; }
}
# States whose caller was killed go on to their end (saltlock.py): they have the lock, though nobody holds it.
no_run() { [ ! -e node.run ] || flock -w 1 node.run true || { cat node.run; exit 75; }; }
known() { case $tickets in *",$1,"*) ;; *) return 1 ;; esac; }
main "$@"
