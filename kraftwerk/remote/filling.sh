# Print what takes most of the disk that /web is on: sizes and paths, the largest first.
# filling.sh INSTANCE
main() {
  cd /
  for path in /web/*/dump /web/*/uploads /web/*/venvs /web/*/releases /var/log /var/lib/* /var/cache /var/backups /home /root /srv /opt /tmp; do
    [ -d "$path" ] && [ ! -L "$path" ] && [ "$(stat -c %d "$path")" = "$(stat -c %d /web)" ] && echo "$path"
  done | timeout 20 xargs -r du -xsm 2>/dev/null | sort -nr | head -n 6 | while read -r size path; do
    echo "$size MB  $path"
  done
}
main "$@" </dev/null
