# Print all that a deploy needs to know of an instance: a line for each fact, its name and value split by a tab.
# history.sh INSTANCE PYTHON
main() {
  version=$("python$2" -V 2>/dev/null) || version=
  printf 'python\t%s\n' "${version#Python }"
  for program in /usr/bin/python3.* /usr/local/bin/python3.*; do
    case $program in *[0-9]) printf 'has\t%s\n' "${program##*/python}" ;; esac
  done
  disk=/web
  [ -d "$disk" ] || disk=/ # nothing is deployed yet, and a plan changes nothing
  printf 'disk\t%s\n' "$(df --output=avail,size,iavail -k "$disk" | tail -n 1)"
  awk '$1 == "processor" { cores++ } END { printf "cores\t%d\n", cores }
    $1 ~ /^(MemTotal|MemAvailable|SwapFree):$/ { printf "%s\t%d\n", $1, $2 }' /proc/cpuinfo /proc/meminfo
  printf 'converged\t%s\n' "$(find /var/lib/kraftwerk/converged -mmin -60 -exec cat {} + 2>/dev/null)"
  told instance /var/lib/kraftwerk/instances/*.json
  cd "/web/$1" 2>/dev/null || return 0
  find current slots/live slots/a slots/b -maxdepth 0 -printf '%p\t%l\n' 2>/dev/null || true
  # The release that a deploy was last at work on, and how far that came: configure, migrate or boot.
  [ ! -f slots/phase ] || printf 'phase\t%s\n' "$(cat slots/phase)"
  told release releases/*[0-9]/release.json
  generation "$1"
  find dump -name 'release-*-before-*.kw' -printf 'savepoint\t%f %s\n' 2>/dev/null || true
  [ -d current/. ] || return 0
  printf 'venv\t%s\n' "$(readlink current/venv)"
  for folder in current/venv/lib/python*/site-packages/*.dist-info; do
    [ -d "$folder" ] && printf 'package\t%s\n' "${folder##*/}"
  done
  return 0 # a virtualenv that somebody deleted has no packages
}
# told NAME FILE…: a line for each file, of all its lines. One may have gone meanwhile, or never been there. One that is
# empty, as a power cut leaves them, is damaged: left out, it would be taken for none.
told() {
  name=$1
  shift
  for file in "$@"; do [ -s "$file" ] || [ ! -f "$file" ] || printf '%s\t\n' "$name"; done
  sed -s -n "H; \${ x; s/\n//g; s/^/$name\t/; p; s/.*//; x }" "$@" 2>/dev/null || true
  echo # where the last file has no end of a line
}
# What the live release's web takes: kilobytes for each of its processes, the part counted that it shares.
generation() {
  pid=$(cat "/etc/service/$1-web-$(readlink slots/live)/supervise/pid" 2>/dev/null) && [ -n "$pid" ] || return 0
  maps=
  for each in $pid $(pgrep -P "$pid"); do maps="$maps /proc/$each/smaps_rollup"; done
  # One may have ended meanwhile: `/proc/12/smaps_rollup:Pss:    123 kB`.
  { grep -sHE '^(Pss|SwapPss):' $maps || true; } |
    awk -F '[/ ]+' '{ sum[$3] += $5 } END { for (each in sum) printf "takes\t%d\n", sum[each] }'
}
main "$@" </dev/null
