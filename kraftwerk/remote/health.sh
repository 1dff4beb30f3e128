# Print how a node is: a line for each fact, split by tabs. What there is to look at stands in a file that the states
# wrote (salt/health). Everything that may take its time is asked at the same time.
# health.sh [deep]: deep also says which releases are live, how many gunicorns run, and asks services as each site would.
LIST=/var/lib/kraftwerk/health
TAB=$(printf '\t')
main() {
  cd / && deep=${1:-}
  locks
  df --local --output=pcent,ipcent,target -x devtmpfs -x squashfs -x iso9660 2>/dev/null | awk '
    NR > 1 { space = $1 + 0; inodes = $2 + 0; sub(/^ *[^ ]+ +[^ ]+ /, "") }
    NR > 1 && !/^\/(run\/host|sys)\// && $0 != "/dev" { printf "disk\t%s\t%d\t%d\n", $0, space, inodes }' || true
  awk '$1 ~ /^(MemTotal:|MemAvailable:|oom_kill)$/ { printf "%s\t%s\n", $1, $2 }' /proc/meminfo /proc/vmstat
  [ ! -e /run/reboot-required ] || printf 'reboot\t%s\n' "$(sort -u /run/reboot-required.pkgs 2>/dev/null | tr '\n' ' ')"
  [ -f "$LIST" ] || return 0
  while IFS=$TAB read -r kind name one two; do
    case $kind in
      limit) printf 'limit\t%s\t%s\n' "$name" "$one" ;;
      unit) unit "$name" "$one" "$two" & ;;
      site) [ ! -L "/web/$name/slots/live" ] || site "$name" "$one" "$two" & ;;
      backup) [ ! -L "/web/$name/slots/live" ] || backup "$name" "$one" & ;;
      process) [ ! -L "/web/$name/slots/live" ] || process "$name" "$one" & ;;
      cron) [ -z "$deep" ] || cron "$name" "$one" & ;;
      check) [ -z "$deep" ] || check "$name" "$one" "$two" & ;;
    esac
  done <"$LIST"
  wait
}
# unit NAME UNIT PROBE: its state, whether it starts at boot, and what its probe said, empty where it was content.
unit() {
  state=$(systemctl show -p ActiveState --value "$2") enabled=$(systemctl show -p UnitFileState --value "$2") said=
  [ "$3" = - ] || [ "$state" != active ] || said=$(complaint sh -c "$3")
  printf 'unit\t%s\t%s\t%s\t%s\t%s\n' "$1" "$2" "$state" "$enabled" "$said"
}
# check INSTANCE SERVICE COMMAND: what a command complained of that asks the service as the instance's own user.
check() {
  said=$(complaint setpriv --reuid="web-$1" --regid="web-$1" --init-groups sh -c "set -a; . '/web/$1/env'; $3")
  printf 'check\t%s\t%s\t%s\n' "$1" "$2" "$said"
}
# complaint COMMAND…: the first line of what it said, if it failed.
complaint() {
  words=$(timeout 5 "$@" 2>&1 </dev/null) || printf '%s' "${words:-no answer}" | head -n 1 | tr '\t' ' '
}
# site INSTANCE HOST PATH: the HTTP status that nginx gives; 000 for none in time, refused where nobody listens.
site() {
  status=$(curl -s -o /dev/null --noproxy '*' --max-time 5 -A kraftwerk-health -H "Host: $2" -w '%{http_code}' "http://127.0.0.1$3") ||
    [ $? -ne 7 ] || status=refused
  printf 'site\t%s\t%s\n' "$1" "$status"
  [ ! -e "/web/$1/maintenance/page.html" ] ||
    printf 'maintenance\t%s\t%s\t%s\n' "$1" "$(stat -c %Y "/web/$1/maintenance/page.html")" "$(tr '\t\n' '  ' <"/web/$1/maintenance/message")"
  [ -n "$deep" ] || return 0
  release=$(readlink "/web/$1/current")
  printf 'release\t%s\t%s\t%s\n' "$1" "${release##*/}" "$([ ! -d "/web/$1/current/." ] || echo there)"
  [ ! -f "/web/$1/current/release.json" ] || printf 'record\t%s\t%s\n' "$1" "$(tr '\t\n' '  ' <"/web/$1/current/release.json")"
}
# backup INSTANCE PATIENCE: our clock, since when backups are on a schedule, whether one is under way, and what is recorded.
backup() {
  record=$(cat "/var/lib/kraftwerk/backups/$1.json" 2>/dev/null) || record=
  since=$(stat -c %Y "/etc/cron.d/kraftwerk-backup-$1" 2>/dev/null) || since=
  pid=$(printf '%s' "$record" | sed -n 's/.*"pid": \([0-9]*\).*/\1/p') alive=
  # Not any process of that number, after a reboot: the one that holds the backup's lock (kw_backup).
  [ -z "$pid" ] || ! ls -l "/proc/$pid/fd" 2>/dev/null | grep -qF "/run/kraftwerk-lock/$1.backup" || alive=alive
  # One that is not there any more may have ended just now, and said so.
  [ -z "$pid" ] || [ -n "$alive" ] || record=$(cat "/var/lib/kraftwerk/backups/$1.json")
  printf 'backup\t%s\t%s\t%s\t%s\t%s\t%s\n' "$1" "$2" "$(date +%s)" "$since" "$alive" "$record"
}
# process INSTANCE NAME: what runit calls it, its word for it, for how many seconds, and whether it is meant to be down.
process() {
  service=$1-$2
  [ "$2" != web ] || service=$1-web-$(readlink "/web/$1/slots/live")
  said=$(sv status "/etc/service/$service" 2>&1) || true
  seconds=${said%%s[;,]*}
  [ ! -e "/etc/sv/$service/down" ] && meant=up || meant=down
  printf 'process\t%s\t%s\t%s\t%s\t%s\t%s\n' "$1" "$2" "$service" "${said%%:*}" "${seconds##* }" "$meant"
  ends "$1" "$2" "/etc/sv/$service/supervise"
  [ -n "$deep" ] && [ "$2" = web ] || return 0
  pid=$(cat "/etc/service/$service/supervise/pid" 2>/dev/null) || pid=
  wanted=$(sed -n 's/.*--workers \([0-9][0-9]*\).*/\1/p' "/etc/sv/$service/run")
  printf 'workers\t%s\t%s\t%s\n' "$1" "$([ -z "$pid" ] || pgrep -c -P "$pid" || true)" "$wanted"
}
# ends INSTANCE UNIT FOLDER: how often a worker ended by itself lately (finish.jinja), its last exit code and signal,
# whether it was stopped for that, and what it printed last.
ends() {
  count=$(awk -v now="$(date +%s)" '$1 > now - 120' "$3/exits" 2>/dev/null | wc -l)
  [ -e "$3/stopped" ] && stopped=stopped count=$(wc -l 2>/dev/null <"$3/exits") || stopped=
  [ "$count" -gt 0 ] || [ -n "$stopped" ] || return 0
  last=$(tail -n 1 "$3/exits" 2>/dev/null) || last=
  line=$(grep -v ' kraftwerk: ' "/var/log/kraftwerk/$1/$2/current" 2>/dev/null | tail -n 1 | cut -d ' ' -f 2- | tr '\t' ' ')
  printf 'ends\t%s\t%s\t%s\t%s\t%s\t%s\n' "$1" "$2" "$count" "${last#* }" "$stopped" "$line"
}
# cron INSTANCE NAME: what became of its last run, and whether it is under way.
cron() {
  record=/var/lib/kraftwerk/cron/$1/$2
  pid=$(sed -n 's/.*"pid": "*\([0-9]*\).*/\1/p' "$record" 2>/dev/null) || pid=
  [ -n "$pid" ] && [ "$(readlink "/proc/$pid/fd/9")" = "$record.lock" ] && running=running || running=
  skipped=$(wc -l 2>/dev/null <"$record.skipped") || skipped=0
  printf 'cron\t%s\t%s\t%s\t%s\t%s\n' "$1" "$2" "$running" "$skipped" "$(cat "$record" 2>/dev/null)"
}
# The names of kraftwerk's locks that somebody holds just now, as file 9 (kraftwerk/lock.py): asking by taking them would
# be in the way, and /proc/locks hides what was locked by a process that has ended since. States whose caller is gone
# count, too (saltlock.py). And who keeps which by hand, maybe for days (lockkeep.sh).
locks() {
  readlink /proc/[0-9]*/fd/9 2>/dev/null | sed -n 's|^/run/kraftwerk-lock/|lock\t|p' | sort -u
  [ ! -e /run/kraftwerk-lock/node.run ] || flock -n /run/kraftwerk-lock/node.run true || printf 'lock\tnode\n'
  for file in /var/lib/kraftwerk/locks/*; do
    { read -r until && read -r ticket && read -r owner; } 2>/dev/null <"$file" || continue
    [ "$until" -ne 0 ] && [ "$until" -le "$(date +%s)" ] || printf 'byhand\t%s\t%s\n' "${file##*/}" "$owner"
  done
}
main "$@" </dev/null
