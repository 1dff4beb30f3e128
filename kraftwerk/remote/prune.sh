# Remove releases, and the virtualenvs that no release uses. Prints how many releases went.
# prune.sh INSTANCE [NUMBER…]
main() {
  cd "/web/$1"
  shift
  count=0
  for number in "$@"; do
    [ "$(readlink current)" != "releases/$number" ] && [ -d "releases/$number" ] || continue
    # Renamed first: what an interruption leaves of it is no release any more, and goes with the next deploy.
    mv -T "releases/$number" "releases/$number.part"
    count=$((count + 1))
  done
  rm -rf releases/*.part
  for folder in venvs/*; do
    [ -d "$folder" ] && ! used "${folder##*/}" && rm -rf "$folder"
  done
  echo "$count"
}
used() {
  for link in releases/*/venv; do
    [ "$(readlink "$link")" = "../../venvs/$1" ] && return 0
  done
  return 1
}
main "$@" </dev/null
