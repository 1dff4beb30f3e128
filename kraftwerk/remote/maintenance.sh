# Have nginx answer a page to a site's visitors, or let them in again: it looks for the page at each request.
# maintenance.sh INSTANCE HOST on|off; $page and $message stand before it (kraftwerk/maintenance.py): arguments are short.
main() {
  umask 022
  folder=/web/$1/maintenance
  if [ "$3" = off ]; then
    rm -rf "$folder"
    return
  fi
  [ -d "/web/$1/slots" ] || { echo "$1 is not deployed here" >&2; return 1; }
  # The folder above belongs to who builds packages: what isn't root's there could lead anywhere.
  { [ -O "$folder" ] && [ ! -L "$folder" ]; } || rm -rf "$folder"
  [ -d "$folder" ] && before=on || before=off
  mkdir -p "$folder"
  printf '%s' "$message" >"$folder/message"
  printf '%s' "$page" >"$folder/.page"
  mv -T "$folder/.page" "$folder/page.html"
  kept "$2" && return
  [ "$before" = on ] || rm -rf "$folder"
  echo "the nginx of $1 knows nothing of maintenance yet" >&2
  return 1
}
kept() {
  curl -s --noproxy '*' --max-time 10 -D - -o /dev/null -H "Host: $1" http://127.0.0.1/ | grep -qi '^kraftwerk-maintenance: on'
}
main "$@" </dev/null
