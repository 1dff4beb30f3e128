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
    location / {
        proxy_pass http://$address;
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
