# An instance has moved: note it, stop for good what ran here, and pass its requests on. Its data stays as it is.
# moved.sh INSTANCE ADDRESS JSON NAME…
main() {
  instance=$1 address=$2 site=/etc/nginx/kraftwerk/$1.conf
  umask 027
  cd /var/lib/kraftwerk/instances
  printf '%s\n' "$3" >".$1"
  mv -T ".$1" "$1.json" # from here on no highstate, reboot or deploy brings it back
  shift 3
  for service in $(grep -l "/web/$instance/exec" /etc/sv/*/run); do
    rm -f "/etc/service/$(basename "$(dirname "$service")")"
  done
  rm -f "/etc/cron.d/kraftwerk-$instance" "/etc/cron.d/kraftwerk-backup-$instance"
  printf '#!/bin/sh\necho "%s has moved to %s" >&2\nexit 69\n' "$instance" "$address" >"/web/$instance/.exec"
  chmod 755 "/web/$instance/.exec"
  mv -T "/web/$instance/.exec" "/web/$instance/exec"
  listen=$(grep -h '^ *listen ' "$site" | sort -u)
  umask 022
  forward "$listen" "$@" >"$site.new"
  mv -T "$site.new" "$site"
  nginx -t -q
  systemctl reload nginx
  touch /var/lib/kraftwerk/nginx.loaded # so that the next highstate needn't
  # Only now: what hangs on to requests that it was sent shall not keep nginx from learning where they go.
  pkill -KILL -u "web-$instance" || true
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
        proxy_set_header Connection "";
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
