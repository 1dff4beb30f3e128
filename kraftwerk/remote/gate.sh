# Ask a slot for a URL until it answers well, exits, or the time is over. Prints the last answer:
# exited|answered|silent, status, seconds from the start of the asking, and where it redirects to; split by tabs.
# gate.sh INSTANCE SLOT HOST PROTOCOL PATH SECONDS_FOR_AN_ANSWER SECONDS_FOR_A_GOOD_ONE EACH INTERVAL [LOW-HIGH…]
main() {
  socket=/run/kraftwerk/$1/$2.sock service=/etc/service/$1-web-$2 host=$3 protocol=$4 path=$5
  all=$(($6 * 1000)) good=$(($7 * 1000)) each=$(($8 * 1000)) interval=$9 start=$(now) answered=0
  shift 9
  while :; do
    answer=000$TAB
    # Without its socket it listens to nobody yet: each question would take time from what is to answer.
    [ ! -S "$socket" ] || answer=$(ask) || answer=000$TAB
    status=${answer%%"$TAB"*} elapsed=$(($(now) - start)) word=answered
    ! accepted "$@" || break
    [ "$status" = 000 ] && word=silent
    case $(sv status "$service") in run:*) ;; *) word=exited; break ;; esac
    # 503 is what a server says that is about to be ready; any other answer is given a few more chances only.
    case $status in 000 | 503) ;; *) [ "$answered" -gt 0 ] || answered=$elapsed; [ $((elapsed - answered)) -lt "$good" ] || break ;; esac
    [ "$elapsed" -lt "$all" ] || break
    sleep "$(pause "$elapsed")"
  done
  printf '%s\t%s\t%s\t%s\n' "$word" "$status" "$elapsed" "${answer#*"$TAB"}"
}
ask() {
  curl -s -o /dev/null --noproxy '*' --max-time "$(left)" --unix-socket "$socket" -H "X-Forwarded-Proto: $protocol" \
    -H "X-Forwarded-For: 127.0.0.1" -H "X-Real-IP: 127.0.0.1" -w '%{http_code}\t%{redirect_url}' "http://$host$path"
}
accepted() {
  for range in "$@"; do
    [ "$status" -lt "${range%-*}" ] || [ "$status" -gt "${range#*-}" ] || return 0
  done
  return 1
}
# How long an answer may take, in seconds: as long as each, and no longer than there is time in all.
left() {
  left=$((all - $(now) + start))
  [ "$left" -lt "$each" ] || left=$each
  [ "$left" -gt 100 ] || left=100
  echo "$((left / 1000)).$(printf %03d $((left % 1000)))"
}
# Asked at the interval, but sooner at first: most applications are up within two seconds.
pause() { if [ "$1" -lt 300 ]; then echo 0.02; elif [ "$1" -lt 2000 ]; then echo 0.05; else echo "$interval"; fi; }
now() { echo $(($(date +%s%N) / 1000000)); }
TAB=$(printf '\t')
main "$@" </dev/null
