# Take the static files from the user that collected them: what is live can't be changed by what runs. Those whose names
# have a hash are linked into a folder, too, where nginx finds them when another release is live.
# seal.sh INSTANCE NUMBER SOURCE EARLIER [URL STATIC_FOLDER]…
main() {
  umask 022
  user=web-$1 earlier=$4
  cd "/web/$1/releases/$2/$3"
  shift 4
  [ -z "$earlier" ] || install -d -o web -g web "$earlier"
  while [ $# -gt 1 ]; do
    if [ "$(stat -c %U "$2" 2>/dev/null)" = "$user" ]; then
      chown -R web:www-data "$2"
      # Readable, too, where the application looks up names in it; others don't get here. Not by root, who would follow
      # a link that the user puts there just now.
      as_web chmod -R u=rwX,go=rX "$2"
    fi
    [ -z "$earlier" ] || [ ! -d "$2" ] || as_web sh -c "$LINK" link "$2" "$earlier$1"
    shift 2
  done
}
as_web() { setpriv --reuid=web --regid=web --clear-groups "$@"; }
# As app.55e7cbb9ba48.css is called, or index-BzX3aQ9k.js.
LINK='mkdir -p "$2"; cd "$1"; find . -type f -regextype posix-extended "(" -regex ".*[.-][0-9a-f]{8,}[.][^/]*" -o \
  -regex ".*-[A-Za-z0-9_-]{8}[.][^/]*" -regex ".*-[A-Za-z0-9_-]*[A-Z0-9][A-Za-z0-9_-]*[.][^/]*" ")" -print0 |
  xargs -0r cp -lf --parents -t "$2"'
main "$@" </dev/null
