# Print the last lines of those files that exist and say something; all of them are watched with -F.
# logs.sh LINES -F|"" FILE…
main() {
  lines=$1 follow=$2
  shift 2
  for file in "$@"; do
    shift
    [ -s "$file" ] || [ -n "$follow" ] && set -- "$@" "$file"
  done
  [ $# -gt 0 ] || { echo "nothing was logged yet" >&2; return 0; }
  exec tail ${follow:+-F} -n "$lines" -- "$@" 2>/dev/null
}
main "$@"
