# Print the last lines that a slot logged since its log had a size.
# log.sh INSTANCE SLOT SIZE LINES
main() {
  sleep 0.2 # what was printed last is on its way through svlogd
  file=/var/log/kraftwerk/$1/web-$2/current
  [ "$(stat -c %s "$file" 2>/dev/null || echo 0)" -ge "$3" ] || set -- "$1" "$2" 0 "$4"
  tail -c "+$(($3 + 1))" "$file" 2>/dev/null | tail -n "$4"
}
main "$@" </dev/null
