# Runs on the host of a virtualenv: a program of its own Python, as the user whom it belongs to.
# $1 the folder; $2 the user that it must belong to, or nothing; $3 and the rest: the program and its arguments, `python`
# stands for the virtualenv's own. Exit code 66: it can't be used, and stderr says why.

refuse() {
  echo "$*" >&2
  exit 66
}

home_of() {
  getent passwd "$1" | cut -d: -f6
}

# Root runs nothing of its own that somebody else could have exchanged: by a link, or in a folder on the way there.
ensure_of_root() {
  way=$(namei -mo "$1") || refuse "$1 can't be followed by namei"
  other=$(echo "$way" | awk 'NR > 1 && ($2 != "root" || $1 ~ /^d.......w[^tT]/) { print $4 " (" $1 " " $2 ")"; exit }')
  [ -z "$other" ] || refuse "$1 is root's, but on the way to it others may change $other; nothing of it is run as root"
}

main() {
  user=$2
  folder=$1
  case $folder in
    "~/"*) folder=$(home_of "${user:-$(id -un)}")/${folder#"~/"} ;;
  esac
  shift 2
  named=$folder
  cd -P -- "$folder" 2>/dev/null || refuse "there is no folder $folder (or $(id -un) may not enter it)"
  folder=$(pwd -P)
  [ -x bin/python ] || refuse "$folder is no virtualenv: it has no bin/python that runs"
  [ -f pyvenv.cfg ] || [ -f bin/activate ] || refuse "$folder is no virtualenv: it has neither pyvenv.cfg nor bin/activate"
  owner=$(stat -c %U .)
  [ "$owner" = "${user:-$owner}" ] || refuse "$folder belongs to $owner, not to $user"
  drop=
  home=$HOME
  if [ "$(id -u)" = 0 ] && [ "$owner" != root ]; then
    home=$(home_of "$owner")
    drop="setpriv --reuid=$owner --regid=$(id -g "$owner") --init-groups --"
  elif [ "$(id -un)" != "$owner" ]; then
    refuse "$folder belongs to $owner; $(id -un) may not change it"
  elif [ "$owner" = root ]; then
    ensure_of_root "$named/bin/python"
  fi
  # What belongs to a user runs as that user, so that nothing in it can make root do something.
  [ -d "$home" ] || home=$folder
  program=$1
  shift
  [ "$program" != python ] || program=$folder/bin/python
  $drop "$folder/bin/python" -ISc 'import sys; sys.exit(sys.version_info < (3, 8))' ||
    refuse "the Python of $folder doesn't run, or is older than 3.8: $($drop "$folder/bin/python" -V 2>&1 | tail -n 1)"
  exec $drop env -u PYTHONHOME -u PYTHONPATH HOME="$home" USER="$owner" LOGNAME="$owner" VIRTUAL_ENV="$folder" \
    PATH="$folder/bin:$PATH" "$program" "$@"
}

main "$@"
