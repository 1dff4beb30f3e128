#!/bin/sh
# Certificates of this node's sites: what a site lacks, or has for a few days only, is made anew, and nginx shows it.
# certify [-a AUTHORITY] [NAME…]   All sites, or those named. Prints a line for each, split by tabs:
#                                  NAME good|new, NAME wanted REQUEST, or NAME wrong REASON END, where END is how long
#                                  the certificate is good that it has; empty where it has none.
# certify -a AUTHORITY -s NAME     The certificate for what was requested comes on stdin.
# AUTHORITY names the one on the admin that signs requests of sites with `tls: internal`; without it, the timer calls.
# What nginx shall have of a site stands in a folder set-*, and /var/lib/kraftwerk/tls/NAME/live leads there: a rename
# is all that changes, and is taken back where nginx doesn't show the certificate then. Without it, the site is on HTTP.
# Written by kraftwerk.
set -u
umask 077
CONFIG=/etc/kraftwerk/tls
TAB=$(printf '\t')

main() {
  authority='' signed=''
  while getopts a:s: option; do
    case $option in a) authority=$OPTARG ;; s) signed=$OPTARG ;; *) exit 2 ;; esac
  done
  shift $((OPTIND - 1))
  [ -z "$signed" ] || set -- "$signed"
  exec 8>/run/kraftwerk-tls.lock && flock 8
  . "$CONFIG/acme"
  code=0
  while IFS=$TAB read -r name mode names <&3; do
    case $name in '' | '#'*) continue ;; esac
    [ $# = 0 ] || called "$name" "$@" || continue
    folder=/var/lib/kraftwerk/tls/$name domain=${names%% *}
    case $mode in auto) kind="auto $CA" ;; *) kind="internal $authority" ;; esac
    # Names stand apart by blanks, and have none in them.
    bring $names 3<&- || code=1
  done 3<"$CONFIG/sites"
  return $code
}

called() { # NAME NAME…: whether the first is one of the others
  one=$1
  shift
  for each in "$@"; do [ "$each" != "$one" ] || return 0; done
  return 1
}

bring() { # DOMAIN…
  mkdir -p "$folder"
  [ -z "$signed" ] || { take; return; }
  if is_good "$@"; then
    cmp -s "$CONFIG/$name.conf" "$folder/live/tls.conf" && { say good; return; }
    kind=$(cat "$folder/live/kind")
    keep "$folder/live/fullchain.pem" "$folder/live/privkey.pem"
  elif [ "$mode" = auto ]; then
    ask "$@"
  elif [ -n "$authority" ]; then
    request
  else
    wrong "it is signed by your own authority, not by this node"
  fi
}

# Whether nginx has a certificate of the right kind for all these names, for long enough.
is_good() { # DOMAIN…
  [ -e "$folder/live/served" ] || return 1
  has=$(cat "$folder/live/kind")
  case $kind in "$has") ;; "internal ") [ "${has%% *}" = internal ] || return 1 ;; *) return 1 ;; esac
  openssl x509 -in "$folder/live/fullchain.pem" -noout -checkend $((RENEW_DAYS * 86400)) >/dev/null 2>&1 || return 1
  has=$(openssl x509 -in "$folder/live/fullchain.pem" -noout -ext subjectAltName | tr ',' '\n' | sed -n 's/^ *DNS://p' | sort)
  [ "$has" = "$(printf '%s\n' "$@" | sort -u)" ]
}

# Ask the authority by ACME, which fetches an answer from http://DOMAIN/.well-known/acme-challenge/ of each.
ask() { # DOMAIN…
  out=$folder/acme
  [ "$(cat "$out/directory" 2>/dev/null)" = "$CA" ] || rm -rf "$out"
  mkdir -p "$out" && printf '%s\n' "$CA" >"$out/directory"
  set -- --config "$CONFIG/acme" --accept-terms --no-lock --cron --domain "$*" --alias "$name" --out "$out"
  if words=$(timeout 180 dehydrated "$@" 2>&1 </dev/null); then
    keep "$out/$name/fullchain.pem" "$out/$name/privkey.pem"
  elif [ $? = 124 ]; then
    wrong "$CA: no certificate within 180 s"
  else
    wrong "$(reason "$words")"
  fi
}

# What the authority said, of all that its client prints; else the client's own first error, or last line.
reason() { # TEXT
  said=$(printf '%s\n' "$1" | sed -nE 's/.*"error","detail"\][[:space:]]*"(.*)"$/\1/p' | head -n 1)
  [ -n "$said" ] || said=$(printf '%s\n' "$1" | sed -nE 's/.*"detail": *"(([^"\\]|\\.)*)".*/\1/p' | head -n 1)
  [ -n "$said" ] || said=$(printf '%s\n' "$1" | sed -n 's/.*ERROR: //p' | head -n 1)
  [ -n "$said" ] || said=$(printf '%s\n' "$1" | grep . | tail -n 1)
  printf '%s' "$said"
}

# Print what the admin's authority shall sign. The key stays here.
request() {
  key=$folder/internal.key
  [ -s "$key" ] || { openssl genpkey -algorithm EC -pkeyopt ec_paramgen_curve:P-256 -out "$key.new" && mv "$key.new" "$key"; }
  if words=$(openssl req -new -key "$key" -subj "/CN=$name" -out "$folder/request.pem" 2>&1); then
    say wanted "$(base64 -w 0 "$folder/request.pem")"
  else
    wrong "$words"
  fi
}

# Take what was signed; nginx itself sees whether it belongs to the key.
take() {
  cat >"$folder/signed.pem"
  keep "$folder/signed.pem" "$folder/internal.key"
}

# Have nginx show a certificate from now on, if it does.
keep() { # CERTIFICATE KEY
  new=$(mktemp -d "$folder/set-XXXXXX")
  cat "$1" >"$new/fullchain.pem" && cat "$2" >"$new/privkey.pem" && cat "$CONFIG/$name.conf" >"$new/tls.conf" &&
    printf '%s\n' "$kind" >"$new/kind" && sync "$new"/* "$new" || { rm -rf "$new"; wrong "no room on the disk"; return; }
  for file in fullchain.pem privkey.pem; do ln -sfn "live/$file" "$folder/$file"; done
  before=$(readlink "$folder/live") || before=''
  point "${new##*/}"
  if words=$(nginx -t -q 2>&1) && words=$(systemctl reload nginx 2>&1) && words=$(is_shown "$new/fullchain.pem"); then
    : >"$new/served"
    for old in "$folder"/set-*; do [ "$old" = "$new" ] || rm -rf "$old"; done
    say new
    return
  fi
  point "$before"
  rm -rf "$new"
  ! nginx -t -q 2>/dev/null || systemctl reload nginx
  wrong "$(printf '%s\n' "$words" | sed 's/^.*\[emerg\] [0-9#: ]*//' | grep . | head -n 1)"
}

point() { # SET, or nothing: the site is on HTTP then
  if [ -z "$1" ]; then rm -f "$folder/live"; return; fi
  ln -sfn "$1" "$folder/.live" && mv -T "$folder/.live" "$folder/live"
}

# Whether nginx shows a certificate by now, a moment after it was reloaded; else says so.
is_shown() { # CERTIFICATE
  wanted=$(openssl x509 -in "$1" -noout -fingerprint -sha256) tries=0
  while [ $tries -lt 50 ]; do
    seen=$(timeout 5 openssl s_client -connect 127.0.0.1:443 -servername "$domain" 2>/dev/null </dev/null |
      openssl x509 -noout -fingerprint -sha256 2>/dev/null)
    [ "$seen" != "$wanted" ] || return 0
    tries=$((tries + 1))
    sleep 0.1
  done
  echo "nginx doesn't show it at port 443: another program has the port, or the site was changed by hand"
  return 1
}

wrong() { # REASON
  until=$(openssl x509 -in "$folder/live/fullchain.pem" -noout -enddate -dateopt iso_8601 2>/dev/null | sed 's/.*=//')
  say wrong "$(printf '%s' "${1:-for no reason given}" | tr '\t\n' '  ')$TAB${until%% *}"
  return 1
}

say() { # WORD [TEXT]
  printf '%s\t%s\t%s\n' "$name" "$1" "${2-}"
}

main "$@"
