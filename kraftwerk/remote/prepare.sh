# Make room for a release: the instance's folders, nothing left of an interrupted deploy, and both slots known to runit.
# prepare.sh INSTANCE NUMBER
main() {
  umask 022
  cd "/web/$1"
  rm -rf releases/*.part
  install -d -o web -g web "releases/$2.part"
  # Linked here, they are there when the release boots. `down` keeps a slot from starting by itself, now and after a
  # reboot, until it is switched to.
  for slot in a b; do
    [ -d "/etc/sv/$1-web-$slot" ] || { echo "/etc/sv/$1-web-$slot is missing: run kraftwerk highstate" >&2; return 1; }
    [ -e "/etc/service/$1-web-$slot" ] && continue
    [ "$(readlink slots/live)" = "$slot" ] || touch "/etc/sv/$1-web-$slot/down"
    ln -sfn "/etc/sv/$1-web-$slot" "/etc/service/$1-web-$slot"
  done
  pkill -CHLD -x runsvdir || true # left alone, it looks for new services every five seconds only
}
main "$@" </dev/null
