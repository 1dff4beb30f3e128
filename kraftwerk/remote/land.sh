# Turn what was uploaded into a release, at once: a release has its record from its first moment.
# land.sh INSTANCE NUMBER RECORD
main() {
  umask 022
  cd "/web/$1/releases"
  printf '%s\n' "$3" >"$2.part/release.json"
  chown web:web "$2.part" "$2.part/release.json"
  mv -T "$2.part" "$2"
}
main "$@" </dev/null
