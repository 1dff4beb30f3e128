# Print how a node is: a line for each fact, split by tabs. What there is to look at stands in a file that the states
# wrote (salt/health). Everything that may take its time is asked at the same time.
# health.sh [deep]: deep also says which releases are live, how many gunicorns run, what visitors met, which updates wait,
# until when certificates hold, and asks services as each site would.
LIST=/var/lib/kraftwerk/health
SAMPLES=/var/lib/kraftwerk/disk.log
UPDATES=/var/lib/kraftwerk/updates
TAB=$(printf '\t')
main() {
  cd / && deep=${1:-}
  [ -z "$deep" ] || clock
  [ -z "$deep" ] || updates &
  locks
  disks=$(df --local --output=pcent,ipcent,used,avail,target -x devtmpfs -x squashfs -x iso9660 2>/dev/null | awk '
    NR > 1 { space = $1 + 0; inodes = $2 + 0; sizes = $3 "\t" $4; sub(/^ *[^ ]+ +[^ ]+ +[^ ]+ +[^ ]+ /, "") }
    NR > 1 && !/^\/(run\/host|sys)\// && $0 != "/dev" { printf "disk\t%s\t%d\t%d\t%s\n", $0, space, inodes, sizes }') || true
  [ -z "$disks" ] || printf '%s\n' "$disks"
  samples &
  awk '$1 ~ /^(MemTotal:|MemAvailable:|oom_kill)$/ { printf "%s\t%s\n", $1, $2 }' /proc/meminfo /proc/vmstat
  [ ! -e /run/reboot-required ] || printf 'reboot\t%s\n' "$(sort -u /run/reboot-required.pkgs 2>/dev/null | tr '\n' ' ')"
  [ ! -f "$LIST" ] || listed
  wait
  [ -z "$deep" ] || clock
}
# clock: what it says before all else, and after; and how many processes run or want to, on how many cores.
clock() {
  printf 'clock\t%s\n' "$(date +%s.%N)"
  read -r load _ </proc/loadavg && printf 'load\t%s\t%s\n' "$load" "$(nproc)"
}
# What the list names.
listed() {
  while IFS=$TAB read -r kind name one two; do
    case $kind in
      limit) printf 'limit\t%s\t%s\n' "$name" "$one" ;;
      unit) unit "$name" "$one" "$two" & ;;
      site)
        [ ! -L "/web/$name/slots/live" ] || site "$name" "$one" "$two" &
        [ -z "$deep" ] || [ ! -L "/web/$name/slots/live" ] || traffic "$name" &
        [ -z "$deep" ] || certificate "$name" &
        ;;
      backup) [ ! -L "/web/$name/slots/live" ] || backup "$name" "$one" & ;;
      process) [ ! -L "/web/$name/slots/live" ] || process "$name" "$one" & ;;
      balancer) [ -z "$deep" ] || balancer "$name" "$one" "$two" & ;;
      cron) [ -z "$deep" ] || cron "$name" "$one" & ;;
      check) [ -z "$deep" ] || check "$name" "$one" "$two" & ;;
    esac
  done <"$LIST"
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
# balancer INSTANCE HOST PATH: of each other web node whether visitors are led there, and the HTTP status that it gives.
balancer() {
  for file in "/var/lib/kraftwerk/balancer/$1"/*.conf; do
    { read -r _ server rest <"$file"; } 2>/dev/null || continue
    led "$@" &
  done
  wait
}
led() {
  node=${file##*/} way=in status=
  case $rest in
    down*) way=out ;;
    *)
      status=$(curl -s -o /dev/null --noproxy '*' --max-time 5 -A kraftwerk-health -H "Host: $2" -H 'X-Real-IP: 127.0.0.1' \
        -w '%{http_code}' "http://$server$3") || status=000
      ;;
  esac
  printf 'led\t%s\t%s\t%s\t%s\n' "$1" "${node%.conf}" "$way" "$status"
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
# samples: at most each six hours it is noted how much of the disks is in use, of the last two weeks: a line tells where
# that leads. By whoever looks, since nothing of us runs on the node in between.
samples() {
  [ -f "$LIST" ] || return 0
  if [ -z "$(find "$SAMPLES" -mmin -360 2>/dev/null)" ]; then
    {
      cat "$SAMPLES" 2>/dev/null || true
      printf '%s\n' "$disks" | awk -F "$TAB" -v now="$(date +%s)" '
        NF == 6 && $2 !~ /^\/(dev|run)\// && $2 != "/run" { print now "\t" $2 "\t" $5 }' | head -n 4
    } 2>/dev/null | tail -n 240 2>/dev/null >"$SAMPLES.$$" && mv "$SAMPLES.$$" "$SAMPLES" || rm -f "$SAMPLES.$$"
  fi
  [ -z "$deep" ] || sed 's/^/sample\t/' "$SAMPLES" 2>/dev/null || true
}
# updates: how many packages wait to be upgraded, how many of them for security, since how many seconds any of these was
# seen to wait, and how old apt's lists are. They are taken as they are, and apt is asked again when they changed.
updates() {
  set -- /var/lib/apt/lists/*_Packages*
  [ -e "$1" ] || return 0
  now=$(date +%s) known= all=0 security=0 since=0
  { read -r known all security since; } 2>/dev/null <"$UPDATES" || true
  times=$(stat -c %Y /var/lib/apt/lists /var/lib/apt/lists/partial /var/lib/dpkg/status 2>/dev/null | tr '\n' .)
  if [ "$known" != "$times" ]; then
    found=$(timeout 5 apt-get -s -o Debug::NoLocking=1 --with-new-pkgs upgrade 2>/dev/null) || return 0
    all=$(printf '%s\n' "$found" | grep -c '^Inst ') || true
    security=$(printf '%s\n' "$found" | grep -c '^Inst [^(]*(.*-[Ss]ecurity') || true
    if [ "$security" -eq 0 ]; then since=0; elif [ "${since:-0}" -eq 0 ]; then since=$now; fi
    if [ -f "$LIST" ]; then
      noted=$UPDATES.$$
      { echo "$times $all $security $since" >"$noted" && mv "$noted" "$UPDATES"; } 2>/dev/null || rm -f "$noted"
    fi
  fi
  lists=$(stat -c %Y /var/lib/apt/lists /var/lib/apt/lists/partial 2>/dev/null | sort -n | tail -n 1)
  printf 'updates\t%s\t%s\t%s\t%s\n' "$all" "$security" "$((since > 0 ? now - since : 0))" "$((now - lists))"
}
# traffic INSTANCE: of the last ten minutes the requests in nginx's log, how many of them failed, within how many ms 95 of
# 100 were answered, and the seconds that this is of: of a busy site no more than the last 2 MB are read. What nginx
# itself answers with 503, to keep visitors out, has not failed; our own looks are no visitors.
traffic() {
  for log in "/var/log/nginx/$1.access.log.1" "/var/log/nginx/$1.access.log"; do
    [ -z "$(find "$log" -mmin -10 2>/dev/null)" ] || tail -c 2097152 "$log"
  done | LC_ALL=C awk -F '"' -v name="$1" -v since="$(date -d '10 minutes ago' +%Y%m%d%H%M%S)" -v now="$(date +%H:%M:%S)" '
    function seconds(time) { return substr(time, 1, 2) * 3600 + substr(time, 4, 2) * 60 + substr(time, 7, 2) }
    BEGIN {
      count = split("Jan Feb Mar Apr May Jun Jul Aug Sep Oct Nov Dec", names, " ")
      for (i = 1; i <= count; i++) month[names[i]] = sprintf("%02d", i)
    }
    { bytes += length($0) + 1; at = index($1, "[") }
    !at { next }
    {
      date = substr($1, at + 1, 11); time = substr($1, at + 13, 8); clock = time; gsub(":", "", clock)
      if (substr(date, 8) month[substr(date, 4, 3)] substr(date, 1, 2) clock < since) { early = 1; next }
      if (first == "") first = time
      split($3, answer, " ")
      if ($6 == "kraftwerk-health" || answer[1] == 101) next
      requests++
      if (answer[1] >= 500 && !(answer[1] == 503 && $8 == "-")) errors++
      if ($7 !~ /[0-9]/) next
      ms = int($7 * 1000 + 0.5); if (ms > 60000) ms = 60000
      answered[ms]++; timed++; if (ms > slowest) slowest = ms
    }
    END {
      for (ms = 0; ms <= slowest; ms++) if (ms in answered) { sum += answered[ms]; if (sum >= timed * 0.95) break }
      whole = bytes < 2097152 || early ? 600 : (seconds(now) - seconds(first) + 86400) % 86400
      printf "traffic\t%s\t%d\t%d\t%s\t%d\n", name, requests, errors, timed ? ms : "", whole
    }'
}
# certificate INSTANCE: until when the certificate of its site is valid, in seconds since 1970; 0 where it can't be read.
certificate() {
  file=/var/lib/kraftwerk/tls/$1/live/fullchain.pem
  [ -f "$file" ] || return 0
  until=$(openssl x509 -enddate -noout -in "$file" 2>/dev/null) && until=$(date -d "${until#*=}" +%s) || until=0
  printf 'certificate\t%s\t%s\n' "$1" "$until"
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
