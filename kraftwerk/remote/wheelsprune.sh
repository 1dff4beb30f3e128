# Remove wheels that no virtualenv was made from, once they are a day old: another deploy may have just sent them.
# wheelsprune.sh FOLDER
main() {
  cd "$1" 2>/dev/null || return 0
  for list in lists/*/*.txt; do
    name="${list#lists/}"
    [ -d "/web/${name%/*}/venvs/$(basename "$list" .txt)" ] || find . -path "./$list" -mmin +1440 -delete
  done
  for folder in $(find . -mindepth 1 -maxdepth 1 -type d -name '????????????????????????????????*' -mmin +1440); do
    cat lists/*/*.txt 2>/dev/null | grep -qF "${folder#./}" || rm -rf "$folder"
  done
  find . -mindepth 1 -maxdepth 1 -name '.*.part' -mmin +1440 -delete
}
main "$@" </dev/null
