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
  now=/web/$1/env own=/web/$1/current/.kraftwerk-env
  if [ -e "$own" ] && [ "$(static "$own")" = "$(static "$now")" ]; then
    ln -f "$now" "$own" || exit
  elif [ -e "$own" ]; then
    # Where a release's static files are is its own: a CDN's bucket may have only those of another one.
    cp -p "$now" "$own.part" && { grep -v "^$STATIC" "$now"; static "$own"; } >"$own.part" && mv "$own.part" "$own" || exit
  fi
  rm -f "/var/lib/kraftwerk/follow/$1"
}
STATIC=STATIC_URL=
static() { sed -n "/^$STATIC/p" "$1"; }
taken() { { read -r open; } <"$1.owner" 2>/dev/null && [ "/proc/$open" -ef "$1" ]; }
main "$@" </dev/null
