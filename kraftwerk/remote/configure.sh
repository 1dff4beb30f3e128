# Give a release its virtualenv, and a place for the static files that its release commands collect.
# configure.sh INSTANCE NUMBER VIRTUALENV SOURCE [STATIC_FOLDER…]
main() {
  umask 022
  user=web-$1 release=/web/$1/releases/$2 source=$4
  ln -sfn "../../venvs/$3" "$release/venv"
  chown -h web:web "$release/venv"
  cd "$release/$source"
  shift 4
  for folder in "$@"; do
    # Commands run as the instance's user, who may not write its own code. So this folder is that user's until it is
    # sealed (seal.sh); nginx reads it through its group. One that came with the source stays as it is.
    [ -e "$folder" ] || install -d -o "$user" -g www-data -m 2750 "$folder"
  done
  # The user that runs the code can't write bytecode beside it. A file that doesn't compile is no reason to stop:
  # projects carry templates of code, and what is really needed fails in the gate.
  setpriv --reuid=web --regid=web --init-groups "$release/venv/bin/python" -m compileall -q -x '/(venv|node_modules|\..*)/' . >/dev/null 2>&1 || true
}
main "$@" </dev/null
