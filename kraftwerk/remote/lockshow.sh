# Print who holds which lock: a line for each, its name, the ticket, the end of its time (0: none) and its owner; split by tabs.
# lockshow.sh
main() {
  cd /run/kraftwerk-lock 2>/dev/null && for file in *.owner; do
    case $file in *.*.owner) continue ;; esac # a part of what is held already
    { read -r open && read -r ticket && read -r owner; } <"$file" 2>/dev/null || continue
    [ "/proc/$open" -ef "${file%.owner}" ] && line "${file%.owner}" 0 && held="${held-} ${file%.owner} "
  done
  # States whose caller is gone (saltlock.py) have no ticket: nobody ends them.
  case ${held-} in
    *" node "*) ;;
    *) [ ! -e node.run ] || flock -n node.run true || { ticket=none && read -r owner <node.run && line node 0; } ;;
  esac
  cd /var/lib/kraftwerk/locks 2>/dev/null && for file in *; do
    { read -r until && read -r ticket && read -r owner; } <"$file" 2>/dev/null || continue
    [ "$until" -ne 0 ] && [ "$until" -le "$(date +%s)" ] || line "$file" "$until"
  done
  return 0
}
line() { printf '%s\t%s\t%s\t%s\n' "$1" "$ticket" "$2" "$owner"; }
main "$@" </dev/null
