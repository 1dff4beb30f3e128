# Remove what runs of stock salt-ssh left that have ended, or were killed: the archive with the pillar, what of it was
# unpacked, and the copies of states' files. Its caller has the lock of such runs; those of somebody's own salt-ssh are
# recognized by salt-call.
# saltleft.sh FOLDER
main() {
  rm -f "$1/salt_state.tgz"
  ! grep -qs 'salt-cal[l]' /proc/[0-9]*/cmdline || return 0
  cache=$1/running_data/var/cache/salt/minion
  rm -rf "$cache/files" "$cache/extrn_files"
  for folder in /tmp/tmp* /var/tmp/tmp*; do
    [ -O "$folder" ] && [ ! -L "$folder" ] && [ -e "$folder/lowstate.json" ] || continue
    [ ! -e "$folder/pillar.json" ] || rm -rf "$folder"
  done
}
main "$@" </dev/null
