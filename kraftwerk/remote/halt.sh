# Take workers away that came with a release which was taken back: they stop, and neither a boot nor who mends what is
# wrong with the node starts them. The next deploy does (workers.sh).
# halt.sh INSTANCE [UNIT…]
main() {
  instance=$1
  shift
  for unit in "$@"; do
    touch "/etc/sv/$instance-$unit/down"
    rm -f "/etc/service/$instance-$unit"
    sv -w 10 force-shutdown "/etc/sv/$instance-$unit" >/dev/null || true
  done
}
main "$@" </dev/null
