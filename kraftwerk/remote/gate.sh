# Ask a slot for a URL until it answers well, exits, or the time is over. Prints the last answer:
# exited|answered|silent, status, seconds from the start of the asking, and where it redirects to; split by tabs.
# gate.sh INSTANCE SLOT HOST PROTOCOL PATH SECONDS_FOR_AN_ANSWER SECONDS_FOR_A_GOOD_ONE
main() {
  socket=/run/kraftwerk/$1/$2.sock service=/etc/service/$1-web-$2 start=$(now) answered=0
  while :; do
    answer=$(curl -s -o /dev/null --noproxy '*' --max-time 5 --unix-socket "$socket" -H "X-Forwarded-Proto: $4" \
      -H "X-Forwarded-For: 127.0.0.1" -H "X-Real-IP: 127.0.0.1" \
      -w '%{http_code}\t%{redirect_url}' "http://$3$5") || answer=000
    status=${answer%%"$TAB"*} elapsed=$(($(now) - start)) word=answered
    case $status in [23]??) break ;; esac
    [ "$status" = 000 ] && word=silent
    case $(sv status "$service") in run:*) ;; *) word=exited; break ;; esac
    # 503 is what a server says that is about to be ready; any other answer is given a few more chances only.
    case $status in 000 | 503) ;; *) [ "$answered" -gt 0 ] || answered=$elapsed; [ $((elapsed - answered)) -lt "$(($7 * 1000))" ] || break ;; esac
    [ "$elapsed" -lt "$(($6 * 1000))" ] || break
    sleep "$(pause "$elapsed")"
  done
  printf '%s\t%s\t%s\t%s\n' "$word" "$status" "$elapsed" "${answer#*"$TAB"}"
}
# Asked every half second, but sooner at first: most applications are up within two.
pause() { if [ "$1" -lt 300 ]; then echo 0.02; elif [ "$1" -lt 2000 ]; then echo 0.05; else echo 0.5; fi; }
now() { echo $(($(date +%s%N) / 1000000)); }
TAB=$(printf '\t')
main "$@" </dev/null
