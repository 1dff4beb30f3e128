# Take the static files from the user that collected them: what is live can't be changed by what runs.
# seal.sh INSTANCE NUMBER SOURCE [STATIC_FOLDER…]
main() {
  user=web-$1
  cd "/web/$1/releases/$2/$3"
  shift 3
  for folder in "$@"; do
    [ "$(stat -c %U "$folder" 2>/dev/null)" = "$user" ] || continue
    chown -R web:www-data "$folder"
    # Readable, too, where the application looks up names in it; others don't get here. Not by root, who would follow
    # a link that the user puts there just now.
    setpriv --reuid=web --regid=web --clear-groups chmod -R u=rwX,go=rX "$folder"
  done
}
main "$@" </dev/null
