# Forget an instance of which nothing is left.
# gone.sh INSTANCE
main() {
  rm -f "/var/lib/kraftwerk/instances/$1.json"
  rm -rf "/web/$1" "/var/log/kraftwerk/$1" "/run/kraftwerk/$1"
}
main "$@" </dev/null
