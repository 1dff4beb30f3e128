# Print how an instance is: a line for each fact, split by tabs.
# status.sh INSTANCE HOST HEALTH_PATH [WORKER…]
main() {
  instance=$1 host=$2 path=$3
  shift 3
  live=$(readlink "/web/$instance/slots/live") release=$(readlink "/web/$instance/current")
  printf 'disk\t%s\n' "$(df --output=pcent /web 2>/dev/null | tail -n 1 | tr -dc 0-9)"
  printf 'release\t%s\t%s\n' "${release##*/}" "$([ -d "/web/$instance/current/." ] && echo there)"
  [ -n "$live" ] || return 0
  pid=$(cat "/etc/service/$instance-web-$live/supervise/pid" 2>/dev/null)
  wanted=$(sed -n 's/.*--workers \([0-9]*\).*/\1/p' "/etc/sv/$instance-web-$live/run")
  printf 'web\t%s\t%s\n' "$([ -n "$pid" ] && pgrep -c -P "$pid" || true)" "$wanted"
  for name in "$@"; do
    printf 'process\t%s\t%s\n' "$name" "$(sv status "/etc/service/$instance-$name" 2>&1 | cut -d: -f1)"
  done
  answer=$(curl -s -o /dev/null --noproxy '*' --max-time 5 -H "Host: $host" -w '%{http_code}' "http://127.0.0.1$path") ||
    [ $? -ne 7 ] || answer=refused
  printf 'http\t%s\n' "$answer"
}
main "$@" </dev/null
