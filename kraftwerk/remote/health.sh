# Print how a node is: a line for each fact, split by tabs. What there is to look at stands in a file that the states
# wrote (salt/health). Everything that may take its time is asked at the same time.
# health.sh
LIST=/var/lib/kraftwerk/health
TAB=$(printf '\t')
main() {
  locks
  df --local --output=target,pcent,ipcent -x devtmpfs -x squashfs -x iso9660 2>/dev/null |
    awk 'NR > 1 && $1 !~ "^/(run/host|sys)/" && $1 != "/dev" { gsub(/[%-]/, ""); printf "disk\t%s\t%d\t%d\n", $1, $2, $3 }' || true
  awk '$1 ~ /^(MemTotal:|MemAvailable:|oom_kill)$/ { printf "%s\t%s\n", $1, $2 }' /proc/meminfo /proc/vmstat
  [ ! -e /run/reboot-required ] || printf 'reboot\t%s\n' "$(sort -u /run/reboot-required.pkgs 2>/dev/null | tr '\n' ' ')"
  [ -f "$LIST" ] || return 0
  while IFS=$TAB read -r kind name one two; do
    case $kind in
      limit) printf 'limit\t%s\t%s\n' "$name" "$one" ;;
      unit) unit "$name" "$one" "$two" & ;;
      site | process) [ ! -e "/web/$name/slots/live" ] && [ ! -L "/web/$name/slots/live" ] || "$kind" "$name" "$one" "$two" & ;;
    esac
  done <"$LIST"
  wait
}
# unit NAME UNIT PROBE: its state, whether it starts at boot, and what its probe said, empty where it was content.
unit() {
  state=$(systemctl show -p ActiveState --value "$2") enabled=$(systemctl show -p UnitFileState --value "$2") said=
  if [ "$3" != - ] && [ "$state" = active ]; then
    said=$(timeout 5 sh -c "$3" 2>&1 </dev/null) && said= || said=$(printf '%s' "${said:-no answer}" | tail -n 1 | tr '\t' ' ')
  fi
  printf 'unit\t%s\t%s\t%s\t%s\t%s\n' "$1" "$2" "$state" "$enabled" "$said"
}
# site INSTANCE HOST PATH: the HTTP status that nginx gives; 000 for none in time, refused where nobody listens.
site() {
  status=$(curl -s -o /dev/null --noproxy '*' --max-time 5 -A kraftwerk-health -H "Host: $2" -w '%{http_code}' "http://127.0.0.1$3") ||
    [ $? -ne 7 ] || status=refused
  printf 'site\t%s\t%s\n' "$1" "$status"
}
# process INSTANCE NAME: what runit calls it, its word for it, for how many seconds, and whether it is meant to be down.
process() {
  service=$1-$2
  [ "$2" != web ] || service=$1-web-$(readlink "/web/$1/slots/live")
  said=$(sv status "/etc/service/$service" 2>&1) || true
  seconds=${said%%s[;,]*}
  [ ! -e "/etc/sv/$service/down" ] && meant=up || meant=down
  printf 'process\t%s\t%s\t%s\t%s\t%s\t%s\n' "$1" "$2" "$service" "${said%%:*}" "${seconds##* }" "$meant"
}
# The names of kraftwerk's locks that somebody holds just now, as file 9 (kraftwerk/lock.py): asking by taking them would
# be in the way, and /proc/locks hides what was locked by a process that has ended since.
locks() {
  readlink /proc/[0-9]*/fd/9 2>/dev/null | sed -n 's|^/run/lock/kraftwerk/|lock\t|p' | sort -u
}
main "$@" </dev/null
