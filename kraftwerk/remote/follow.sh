# Give live releases the environment that their instances have by now: those that are named, and those that have a mark
# (_modules/kw_environ.py) and that nobody deploys just now. The mark of BUT stays for its switch, or for the next time.
# Then note what the node was converged to, where there is a stamp that says it.
# follow.sh STAMP|"" BUT [INSTANCE…]
main() {
  stamp=$1 but=$2
  shift 2
  for instance in "$@"; do
    follow "$instance"
  done
  for mark in /var/lib/kraftwerk/follow/*; do
    instance=${mark##*/}
    [ ! -e "$mark" ] || [ "$instance" = "$but" ] || taken "/run/kraftwerk-lock/$instance" || follow "$instance"
  done
  [ -z "$stamp" ] || printf '%s\n' "$stamp" >/var/lib/kraftwerk/converged
}
follow() {
  live=/web/$1/current
  [ ! -e "$live/.kraftwerk-env" ] || ln -f "/web/$1/env" "$live/.kraftwerk-env" || exit
  rm -f "/var/lib/kraftwerk/follow/$1"
}
taken() { { read -r open; } <"$1.owner" 2>/dev/null && [ "/proc/$open" -ef "$1" ]; }
main "$@" </dev/null
