# Which web nodes a balancer leads visitors of a site to, beside itself: a file for each, which nginx reads (nginx.jinja).
# balance.sh in|back INSTANCE NODE HOST PORT NAME PROTOCOL PATH SECONDS MORE EACH INTERVAL LOW-HIGH…
#   From now on to this one too, as soon as it answers: see gate.sh. `back`: only if it was one of them before.
# balance.sh out|gone INSTANCE NODE SECONDS
#   Not to this one any more. What is open there has its time. After `out` it can be put `back`.
# balance.sh only INSTANCE NODE…    To no others than these.
# balance.sh list INSTANCE          Prints each, and whether it is in or out, split by a tab.
# What changed is printed; 3 is the exit code where the site has no balancer here.
main() {
  word=$1 folder=/var/lib/kraftwerk/balancer/$2
  [ -d "$folder" ] || return 3
  shift 2
  exec 8>/run/kraftwerk-balancer.lock
  case $word in
    in | back) enter "$@" ;;
    out | gone) leave "$@" ;;
    only) only "$@" ;;
    list) list ;;
  esac
}
enter() {
  node=$1 file=$folder/$1.conf address=$(getent ahosts "$2" | awk 'NR == 1 { print $1 }') port=$3
  [ "$word" = in ] || [ -e "$file" ] || return 0
  [ -n "$address" ] || { echo "$2 has no address here" >&2; return 1; }
  case $address in *:*) address="[$address]" ;; esac
  # One request finds out every ten seconds whether a node is there that was not.
  line="server $address:$port max_fails=1 fail_timeout=10s;"
  shift 3
  ! is "$line" || return 0
  answers "$address:$port" "$@" || return 1
  flock 8
  put "$line" && echo "$node"
}
# answers SERVER NAME PROTOCOL PATH SECONDS MORE EACH INTERVAL LOW-HIGH…
answers() {
  server=$1 name=$2 protocol=$3 path=$4 until=$(($(date +%s) + $5)) each=$7 interval=$8
  shift 8
  while :; do
    status=$(curl -s -o /dev/null --noproxy '*' --max-time "$each" -A kraftwerk-health -H "Host: $name" \
      -H "X-Forwarded-Proto: $protocol" -H 'X-Real-IP: 127.0.0.1' -w '%{http_code}' "http://$server$path") || status=000
    for range in "$@"; do
      [ "$status" -lt "${range%-*}" ] || [ "$status" -gt "${range#*-}" ] || return 0
    done
    [ "$(date +%s)" -lt "$until" ] || break
    sleep "$interval"
  done
  [ "$status" = 000 ] && echo "no answer from $server" >&2 || echo "$server answers $path with $status" >&2
  return 1
}
leave() {
  node=$1 file=$folder/$1.conf seconds=$2
  flock 8
  server=$(awk '{ print $2; exit }' "$file" 2>/dev/null | tr -d ';')
  [ -n "$server" ] || return 0
  line="server $server down;"
  [ "$word" = out ] || line=
  if ! is "$line"; then put "$line"; fi
  drain "$server" "$seconds"
  echo "$node"
}
only() {
  flock 8
  for file in "$folder"/*.conf; do
    [ -e "$file" ] || continue
    node=${file##*/} node=${node%.conf} named=
    for each in "$@"; do [ "$each" != "$node" ] || named=yes; done
    [ -n "$named" ] || { put '' && echo "$node"; }
  done
}
list() {
  for file in "$folder"/*.conf; do
    [ -e "$file" ] || continue
    node=${file##*/}
    grep -q ' down;' "$file" && way=out || way=in
    printf '%s\t%s\n' "${node%.conf}" "$way"
  done
}
# Whether nginx goes by a line, or by none for the node; not if somebody was killed before it was told.
is() { [ ! -e "$folder/.untold" ] && [ "$(cat "$file" 2>/dev/null)" = "$1" ]; }
# Have nginx go by a line, or by none; where it refuses, all stays as it was.
put() {
  before=$(cat "$file" 2>/dev/null) || before=
  : >"$folder/.untold"
  write "$1" || return 1
  if ! words=$(nginx -t -q 2>&1); then
    write "$before"
    printf '%s\n' "$words" | sed 's/^.*\[emerg\] [0-9#: ]*//' >&2
    return 1
  fi
  if systemctl is-active --quiet nginx; then
    workers=$(pgrep -f 'nginx: worker process$' -P "$(systemctl show -p MainPID --value nginx)") || workers=
    systemctl reload nginx || return 1
    await $workers
  fi
  rm -f "$folder/.untold"
}
write() {
  if [ -z "$1" ]; then
    rm -f "$file"
  else
    printf '%s\n' "$1" >"$folder/.new" && mv -T "$folder/.new" "$file"
  fi
}
# Until these workers take no new connections any more: they finish what they have.
await() {
  tries=0
  while [ $# -gt 0 ] && [ "$tries" -lt 100 ]; do
    case $(tr '\0' ' ' 2>/dev/null <"/proc/$1/cmdline") in
      *"worker process is shutting"* | "") shift ;;
      *) tries=$((tries + 1)) && sleep 0.05 ;;
    esac
  done
}
# Until nothing is open between nginx and a server any more, or the time is over.
drain() {
  until=$(($(date +%s) + $2)) idle=0
  while [ "$idle" -lt 2 ]; do
    if [ -n "$(ss -Htn state established state syn-sent "dst ${1%:*} and dport = :${1##*:}")" ]; then
      idle=0
      [ "$(date +%s)" -lt "$until" ] || return 0
    else
      idle=$((idle + 1))
    fi
    sleep 0.05
  done
}
main "$@" </dev/null
