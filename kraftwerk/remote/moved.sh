# An instance has moved: note it, stop for good what ran here, and pass its requests on. Its data stays as it is.
# moved.sh INSTANCE ADDRESS JSON NAME…
# Prints `moved` when there is no way back any more; who fails before that has changed nothing.
main() {
  instance=$1 address=$2 site=/etc/nginx/kraftwerk/$1.conf registry=/var/lib/kraftwerk/instances exec=/web/$1/exec
  [ ! -e "/var/lib/kraftwerk/nginx/$1.json" ] || site=/etc/nginx/sites-available/$1
  umask 027
  # First all that needs room on the disk: where there is none, nothing has happened yet.
  printf '%s\n' "$3" >"$registry/.$1"
  shift 3
  printf '#!/bin/sh\necho "%s has moved to %s" >&2\nexit 69\n' "$instance" "$address" >"$exec.new"
  chmod 755 "$exec.new"
  listen=$(grep -h '^ *listen ' "$site" | sort -u)
  umask 022
  secure=/var/lib/kraftwerk/tls/$instance/live/tls.conf protocol=http
  [ ! -e "$secure" ] || ! encrypts "$1" || protocol=https
  forward "$listen" "$@" >"$site.new"
  sync "$registry/.$instance" "$exec.new" "$site.new"
  rm -f /var/lib/kraftwerk/converged # whoever deploys here after all gets the real exec again
  # Nothing runs by it just now. Should the power fail, nothing of what has moved may start again after the boot.
  mv -T "$exec.new" "$exec"
  sync "/web/$instance"
  mv -T "$registry/.$instance" "$registry/$instance.json" # from here on no highstate, reboot or deploy brings it back
  sync "$registry"
  echo moved
  for service in $(grep -l "$exec" /etc/sv/*/run); do
    rm -f "/etc/service/$(basename "$(dirname "$service")")"
  done
  rm -f "/etc/cron.d/kraftwerk-$instance" "/etc/cron.d/kraftwerk-backup-$instance"
  mv -T "$site.new" "$site"
  nginx -t -q
  systemctl reload nginx
  touch /var/lib/kraftwerk/nginx.loaded # so that the next highstate needn't
  # Only now: what hangs on to requests that it was sent shall not keep nginx from learning where they go.
  for pid in $(pgrep -u "web-$instance"); do
    # but its servers of data, such as redis: they would lose what they have not written yet
    grep -qs "/kraftwerk-[a-z]*-$instance[@.]" "/proc/$pid/cgroup" || kill -KILL "$pid" 2>/dev/null || true
  done
}
# Whether the other node has a certificate for a name.
encrypts() {
  timeout 2 openssl s_client -connect "$address:443" -servername "$1" </dev/null 2>/dev/null |
    openssl x509 -noout -checkhost "$1" 2>/dev/null | grep -q 'does match'
}
# Where the site has a certificate, visitors come by https, and what is asked for to renew it goes by http as well.
encrypted() {
  [ -e "$secure" ] || return 0
  cat <<END
    include ${secure%f}[f];
    set \$kraftwerk_asked \$scheme;
    if (\$uri ~ "^/\.well-known/acme-challenge/") { set \$kraftwerk_asked ""; }
    if (\$kraftwerk_asked = http) { return 301 https://\$host\$request_uri; }
END
}
forward() {
  listen=$1
  shift
  cat <<END
# Site $instance has moved to $address. Written by kraftwerk migrate.
server {
$listen
    server_name $*;
    access_log /var/log/nginx/$instance.access.log;
    error_log /var/log/nginx/$instance.error.log;
    client_max_body_size 0;
$(encrypted)
    location / {
        proxy_pass $protocol://$address;
        proxy_ssl_server_name on;
        proxy_ssl_name \$host;
        proxy_http_version 1.1;
        proxy_set_header Upgrade \$http_upgrade;
        proxy_set_header Connection \$http_connection;
        proxy_read_timeout 1h;
        proxy_set_header Host \$http_host;
        proxy_set_header X-Real-IP \$remote_addr;
        proxy_set_header X-Forwarded-For \$proxy_add_x_forwarded_for;
        proxy_set_header X-Forwarded-Proto \$scheme;
        proxy_redirect off;
    }
}
END
}
main "$@" </dev/null
