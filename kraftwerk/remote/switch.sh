# Make a booted slot the live one. Each step is a rename; after the second, a reboot comes up with the new release.
# switch.sh INSTANCE SLOT NUMBER
main() {
  point "/web/$1/current" "releases/$3"
  rm -f "/etc/sv/$1-web-$2/down"
  point "/web/$1/slots/live" "$2"
  point "/run/kraftwerk/$1/current.sock" "$2.sock"
  sv up "/etc/service/$1-web-$2" >/dev/null
}
point() {
  ln -sfn "$2" "$1.new"
  mv -T "$1.new" "$1"
}
main "$@" </dev/null
