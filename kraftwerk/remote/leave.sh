# Note in the node's registry that an instance is on its way out, so that no highstate brings it back.
# leave.sh INSTANCE JSON
main() {
  umask 027
  cd /var/lib/kraftwerk/instances
  printf '%s\n' "$2" >".$1"
  mv -T ".$1" "$1.json"
}
main "$@" </dev/null
