# Print which release of an instance is live, in which slot, as history.sh does.
# live.sh INSTANCE
main() {
  cd "/web/$1"
  for link in current slots/live; do
    printf '%s\t%s\n' "$link" "$(readlink "$link")"
  done
}
main "$@" </dev/null
