# Remove releases, the virtualenvs that no release uses, savepoints that none needs, and hashed static files that only
# releases had which went longer ago than so many minutes. Prints how many releases went.
# prune.sh INSTANCE MINUTES [NUMBER…]
main() {
  cd "/web/$1"
  minutes=$2
  shift 2
  count=0
  for number in "$@"; do
    [ "$(readlink current)" != "releases/$number" ] && [ -d "releases/$number" ] && ! at_work "$number" || continue
    # Renamed first: what an interruption leaves of it is no release any more, and goes with the next deploy.
    mv -T "releases/$number" "releases/$number.part"
    count=$((count + 1))
  done
  rm -rf releases/*.part
  for folder in venvs/*; do
    [ -d "$folder" ] && ! used "${folder##*/}" && rm -rf "$folder"
  done
  savepoints
  # A file's status changed last when a link to it went: with the last release that had it, too.
  [ ! -d earlier ] || find earlier -mindepth 1 -depth '(' -type f -links 1 -cmin "+$minutes" -o -type d -empty ')' -delete
  echo "$count"
}
# A worker may still finish its task there, and a cron job takes its time: it is for the next deploy to remove.
at_work() {
  case "$(readlink /proc/[0-9]*/cwd 2>/dev/null | sed 's|$|/|')" in *"$PWD/releases/$1/"*) ;; *) return 1 ;; esac
}
used() {
  for link in releases/*/venv; do
    [ "$(readlink "$link")" = "../../venvs/$1" ] && return 0
  done
  return 1
}
# The newest three stay, as long as there is the release that they lead back to.
savepoints() {
  left=3
  ls dump 2>/dev/null | grep -x 'release-[0-9]*-before-[0-9]*[.]kw' | sort -t- -k4nr | while IFS= read -r name; do
    left=$((left - 1)) live=${name#release-}
    [ -d "releases/${live%%-*}" ] && [ "$left" -ge 0 ] || rm -f "dump/$name"
  done
}
main "$@" </dev/null
