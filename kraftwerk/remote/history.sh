# Print all that a deploy needs to know of an instance: a line for each fact, its name and value split by a tab.
# history.sh INSTANCE PYTHON
main() {
  printf 'python\t%s\n' "$("python$2" -c 'import platform; print(platform.python_version())' 2>/dev/null)"
  for program in /usr/bin/python3.* /usr/local/bin/python3.*; do
    case $program in *[0-9]) printf 'has\t%s\n' "${program##*/python}" ;; esac
  done
  mkdir -p /web
  printf 'free\t%s\n' "$(df --output=avail -k /web | tail -n 1)"
  printf 'converged\t%s\n' "$(find /var/lib/kraftwerk/converged -mmin -60 -exec cat {} + 2>/dev/null)"
  for file in /var/lib/kraftwerk/instances/*.json; do
    [ -f "$file" ] && printf 'instance\t%s\n' "$(tr -d '\n' <"$file")"
  done
  cd "/web/$1" 2>/dev/null || return 0
  for link in current slots/live slots/a slots/b; do
    printf '%s\t%s\n' "$link" "$(readlink "$link")"
  done
  for folder in releases/*; do
    [ -f "$folder/release.json" ] || continue
    printf 'release\t%s\n' "$(tr -d '\n' <"$folder/release.json")"
  done
  [ -d current/. ] || return 0
  printf 'venv\t%s\n' "$(readlink current/venv)"
  for folder in current/venv/lib/python*/site-packages/*.dist-info; do
    [ -d "$folder" ] && printf 'package\t%s\n' "${folder##*/}"
  done
  return 0 # a virtualenv that somebody deleted has no packages
}
main "$@" </dev/null
