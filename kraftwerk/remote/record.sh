# Write records of releases, each in one step.
# record.sh INSTANCE [NUMBER RECORD]…
main() {
  umask 022
  cd "/web/$1/releases"
  shift
  while [ $# -gt 0 ]; do
    if [ -d "$1" ]; then
      printf '%s\n' "$2" >"$1/.release.json"
      chown web:web "$1/.release.json"
      mv -T "$1/.release.json" "$1/release.json"
    fi
    shift 2
  done
}
main "$@" </dev/null
