# Turn what was uploaded into a release, at once: a release has its record from its first moment. Prints the name of its
# virtualenv, if that is there and whole.
# land.sh INSTANCE NUMBER RECORD [VIRTUALENV MARK]
main() {
  umask 022
  cd "/web/$1/releases"
  printf '%s\n' "$3" >"$2.part/release.json"
  chown web:web "$2.part" "$2.part/release.json"
  mv -T "$2.part" "$2"
  [ -z "${4-}" ] || [ ! -e "../venvs/$4/$5" ] || echo "$4"
}
main "$@" </dev/null
