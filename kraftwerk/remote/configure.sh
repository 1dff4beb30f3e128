# Give a release its virtualenv, its environment, and a place for the static files that its release commands collect.
# configure.sh INSTANCE NUMBER VIRTUALENV SOURCE BYTECODE [URL STATIC_FOLDER]…: with the program that compiles it.
main() {
  umask 022
  echo "$2 configure" >"/web/$1/slots/phase" || true # for who goes on with a deploy that was killed (history.sh)
  user=web-$1 release=/web/$1/releases/$2 live=/web/$1/current/$4 source=$4 bytecode=$5
  ln -sfn "../../venvs/$3" "$release/venv"
  chown -h web:web "$release/venv"
  # Links to the files as they are: whoever changes them writes others.
  for kept in env application; do
    ln -f "/web/$1/$kept" "$release/.kraftwerk-$kept"
  done
  served=$release/.kraftwerk-served
  rm -rf "$served"
  install -d "$served"
  cd "$release/$source"
  shift 5
  while [ $# -gt 1 ]; do
    # Commands run as the instance's user, who may not write its own code. So this folder is that user's until it is
    # sealed (seal.sh); nginx reads it through its group. One that came with the source stays as it is.
    [ -e "$2" ] || install -d -o "$user" -g www-data -m 2750 "$2"
    # nginx serves it there, whatever its URL leads to in other releases; a colon stands for each slash within the URL.
    ln -sfn "../$source/$2" "$served/$(echo "$1" | sed 's:^/::; s:/$::; s,/,:,g')"
    shift 2
  done
  # The user that runs the code can't write bytecode beside it.
  setpriv --reuid=web --regid=web --init-groups "$release/venv/bin/python" -ISc "$bytecode" "$live" >/dev/null 2>&1 || true
}
main "$@" </dev/null
