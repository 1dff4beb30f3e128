# Make room on disks that are too full, with what nobody misses; a disk that has room again is left alone.
# Prints what went, and how many kilobytes or inodes it gave back; split by a tab.
# room.sh space|inodes PERCENT
main() {
  case $1 in space) used=pcent left=avail ;; inodes) used=ipcent left=iavail ;; esac
  limit=$2
  step 'the apt cache' /var/cache/apt/archives apt-get clean
  step 'journal' /var/log/journal journalctl --vacuum-size=64M
  step 'old temporary files' /var/tmp systemd-tmpfiles --clean
  step 'core dumps' /var/lib/systemd/coredump find /var/lib/systemd/coredump -type f -delete
  step 'old logs' /var/log find /var/log -xdev -type f -mtime +2 '(' -name '*.gz' -o -name '*.xz' -o -name '*.[0-9]' -o -name '*.old' ')' -delete
}
# step WHAT FOLDER COMMAND…
step() {
  what=$1 place=$2
  shift 2
  [ -d "$place" ] && [ "$(number "$used" "$place")" -ge "$limit" ] || return 0
  before=$(number "$left" "$place")
  "$@" >/dev/null 2>&1 || true
  printf '%s\t%s\n' "$what" $(($(number "$left" "$place") - before))
}
number() { df -k --output="$1" "$2" | tail -n 1 | tr -dc 0-9; }
main "$@" </dev/null
