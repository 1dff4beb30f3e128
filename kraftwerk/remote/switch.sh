# Make a booted slot the live one. Each step is a rename; after the second, a reboot comes up with the new release.
# switch.sh INSTANCE SLOT NUMBER [again]: it was live until just now.
main() {
  # Who was suspended since it booted this, and lost its lock meanwhile, must not lead visitors to another's release.
  [ "$(readlink "/web/$1/slots/$2")" = "../releases/$3" ] || { echo "slot $2 has another release by now" >&2; return 1; }
  before=$(readlink "/web/$1/current") || before=
  point "/web/$1/current" "releases/$3"
  # What changed in the environment meanwhile was for the one that comes (follow.sh). Who is led back still lacks it,
  # and so does one that was only restarted.
  if [ "$before" != "releases/$3" ]; then
    if [ -z "${4-}" ]; then lay "$1" ".$1"; else lay ".$1" "$1"; fi
  fi
  rm -f "/etc/sv/$1-web-$2/down" "/web/$1/slots/$2.few" # from its next start on it has all its workers
  point "/web/$1/slots/live" "$2"
  [ "$2" = a ] && other=b || other=a
  [ ! -d "/etc/sv/$1-web-$other" ] || touch "/etc/sv/$1-web-$other/down" # it drains: a reboot comes up without it
  point "/run/kraftwerk/$1/current.sock" "$2.sock"
  sv up "/etc/service/$1-web-$2" >/dev/null
  # While it booted it was what the kernel ends first for want of memory. From now on that is the one that drains.
  spare 0 "$(cat "/etc/service/$1-web-$2/supervise/pid" 2>/dev/null)"
  spare 300 "$(cat "/etc/service/$1-web-$other/supervise/pid" 2>/dev/null)"
}
# spare SCORE PID…: how soon the kernel ends them and all below for want of memory: 0 is as late as any, 900 first.
spare() {
  score=$1
  shift
  for pid in "$@"; do
    [ -n "$pid" ] || continue
    echo "$score" 2>/dev/null >"/proc/$pid/oom_score_adj" || true
    spare "$score" $(pgrep -P "$pid")
  done
}
lay() {
  rm -f "/var/lib/kraftwerk/follow/$2"
  [ ! -e "/var/lib/kraftwerk/follow/$1" ] || mv "/var/lib/kraftwerk/follow/$1" "/var/lib/kraftwerk/follow/$2"
}
point() {
  ln -sfn "$2" "$1.new"
  mv -T "$1.new" "$1"
}
main "$@" </dev/null
