# Note what the node was converged to, or that nobody knows.
# converged.sh STAMP|""
main() {
  if [ -n "$1" ]; then
    printf '%s\n' "$1" >/var/lib/kraftwerk/converged
  else
    rm -f /var/lib/kraftwerk/converged
  fi
}
main "$@" </dev/null
