# Restart a unit of systemd; nginx only with a configuration that is valid, for the sake of its words.
# restart.sh UNIT
main() {
  [ "$1" != nginx ] || nginx -t -q
  systemctl reset-failed "$1" 2>/dev/null || true
  timeout 60 systemctl restart "$1"
}
main "$@" </dev/null
