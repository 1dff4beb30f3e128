# Print `files` where a release has a migration that the live one hasn't, and `packages` where it has another virtualenv.
# migrations.sh INSTANCE NUMBER LIVE [any]: with any, all files of a release are taken for migrations.
main() {
  cd "/web/$1/releases"
  new=$2 live=$3
  [ "$(readlink "$new/venv")" = "$(readlink "$live/venv")" ] || echo packages
  if [ -n "${4-}" ]; then
    set -- ! -path "$new/release.json" ! -path "$new/.kraftwerk-*"
  else
    set -- '(' -path '*/migrations/*' -o -path '*/versions/*' ')'
  fi
  # Files that did not change are the same ones, by the upload.
  find "$new/" -path "$new/venv" -prune -o -type f "$@" ! -path '*/__pycache__/*' -print | while IFS= read -r file; do
    same=$live/${file#"$new/"}
    [ "$file" -ef "$same" ] || cmp -s "$file" "$same" || { echo files; break; }
  done
}
main "$@" </dev/null
