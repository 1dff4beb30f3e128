# Wait until workers have been up for two seconds, or don't stay up. Prints a line for each one that doesn't: what it is
# called and how it ended, split by a tab; below it what it logged since, indented by a space. One that still finishes
# what it does, asked to stop, is waited for five seconds only.
# steady.sh INSTANCE SECONDS LINES [UNIT…]
main() {
  instance=$1 enough=$(($(date +%s) + 5)) until=$(($(date +%s) + $2)) lines=$3
  shift 3
  for unit in "$@"; do
    folder=/etc/sv/$instance-$unit/supervise
    while :; do
      verdict=$(look)
      [ "$verdict" = wait ] && [ "$(date +%s)" -lt "$until" ] || break
      sleep 0.1
    done
    case $verdict in good | ending) continue ;; esac
    [ -e "$folder/exits" ] || [ "$verdict" = bad ] || ! up || continue # it was up all the time, if not for long
    printf '%s\t%s\n' "$unit" "$(ended)"
    sleep 0.2 # what was printed last is on its way through svlogd
    said | tail -n "$lines" | sed 's/^/ /'
  done
}
up() { case $(sv status "/etc/service/$instance-$unit" 2>&1) in run:*) ;; *) return 1 ;; esac; }
# Twice is too often; once may be a database that wasn't there yet, and is given more time.
look() {
  count=$(wc -l 2>/dev/null <"$folder/exits") || count=0
  status=$(sv status "/etc/service/$instance-$unit" 2>&1) || true
  seconds=${status%%s[;,]*} seconds=${seconds##* }
  [ "$count" -lt 2 ] || { echo bad; return; }
  case $status in
    run:*)
      if [ -e "$folder/asked" ]; then [ "$(date +%s)" -lt "$enough" ] && echo wait || echo ending
      elif [ "${seconds%s}" -ge $((2 + 3 * count)) ]; then echo good
      else echo wait; fi ;;
    *) echo wait ;;
  esac
}
# What it logged since it was started anew; all of it, if the log was turned over meanwhile.
said() {
  log=/var/log/kraftwerk/$instance/$unit/current
  since=$(cat "$folder/logged" 2>/dev/null) || since=0
  [ "$(stat -c %s "$log" 2>/dev/null || echo 0)" -ge "${since:-0}" ] || since=0
  tail -c "+$((${since:-0} + 1))" "$log" 2>/dev/null
}
# How it ended last: an exit code, or a signal.
ended() {
  tail -n 1 "$folder/exits" 2>/dev/null | while read -r _ code signal; do
    [ "$code" -ge 0 ] && echo "exit code $code" || echo "signal $signal"
  done
}
main "$@" </dev/null
