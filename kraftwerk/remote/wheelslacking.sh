# Print which wheels a node's store doesn't have. Those that it has count as used today.
# wheelslacking.sh FOLDER [SHA256/FILE…]
main() {
  cd "$1" 2>/dev/null || mkdir -p "$1"
  cd "$1"
  shift
  for wheel in "$@"; do
    if [ -f "$wheel" ]; then touch "${wheel%/*}"; else printf '%s\n' "$wheel"; fi
  done
}
main "$@" </dev/null
