# Print an archive of the static folders that release commands collected; those that came with the source aren't theirs.
# collected.sh INSTANCE NUMBER SOURCE [STATIC_FOLDER…]
main() {
  cd "/web/$1/releases/$2/$3"
  shift 3
  count=$#
  for folder in "$@"; do
    # configure.sh made it for them, and seal.sh left it its group.
    [ "$(stat -c %G "$folder" 2>/dev/null)" = www-data ] && set -- "$@" "$folder"
  done
  shift "$count"
  [ $# -gt 0 ] && set -- -- "$@" || set -- --files-from /dev/null
  tar --create --gzip --file - "$@"
}
main "$@" </dev/null
