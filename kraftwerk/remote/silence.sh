# Ends the ssh connection that it runs in when nothing has come from its other end for $1 seconds. That end sends a
# keepalive every three (argv.py): it is gone then, or the network is cut, which sshd would learn in hours. All that
# runs over the connection is told, and what a lock of it protects is over before somebody else gets the lock.

seconds() {
  ss --no-header --tcp --numeric --info state established "$1" | awk '
    /lastsnd:|lastrcv:|lastack:|rto:/ {
      received = acknowledged = 0 # what is no longer ago than that is not printed
      for (i = 1; i <= NF; i++) {
        if ($i ~ /^lastrcv:/) received = substr($i, 9)
        if ($i ~ /^lastack:/) acknowledged = substr($i, 9)
      }
      silent = int((received + 0 < acknowledged + 0 ? received : acknowledged) / 1000)
      if (!seen++ || silent < least) least = silent
    }
    END { if (seen) print least }'
}

main() {
  [ -n "${SSH_CONNECTION-}" ] && command -v ss >/dev/null || return 0
  patience=$1
  set -- $SSH_CONNECTION
  ends="sport = :$4 and dport = :$2"
  while sleep "$((patience / 6 + 1))" && silent=$(seconds "$ends") && [ -n "$silent" ]; do
    [ "$silent" -lt "$patience" ] || ss --tcp --kill state established "$ends"
  done
}

main "$@"
