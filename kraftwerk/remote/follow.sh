# Give live releases the environment that their instances have by now: those that are named, and those that have a mark
# (_modules/kw_environ.py) and that nobody deploys just now. The mark of BUT stays for its switch, or for the next time.
# follow.sh BUT [INSTANCE…]
main() {
  but=$1
  shift
  for instance in "$@"; do
    follow "$instance"
  done
  cd /var/lib/kraftwerk/follow 2>/dev/null || return 0
  for instance in *; do
    [ ! -e "$instance" ] || [ "$instance" = "$but" ] || taken "/run/kraftwerk-lock/$instance" || follow "$instance"
  done
}
follow() {
  live=/web/$1/current
  [ ! -e "$live/.kraftwerk-env" ] || ln -f "/web/$1/env" "$live/.kraftwerk-env" || exit
  rm -f "/var/lib/kraftwerk/follow/$1"
}
taken() { { read -r open; } <"$1.owner" 2>/dev/null && [ "/proc/$open" -ef "$1" ]; }
main "$@" </dev/null
