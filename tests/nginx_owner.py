"""The owner of an nginx, who edits it before, between and after kraftwerk's sites: what is his must come out unharmed.

Each of his edits is made in /etc/nginx and in a shadow of it that kraftwerk never sees. In the end both are the same,
byte for byte.
"""

SHADOW = "/root/nginx-shadow"
TREE = r"""cd "$1" || exit
find . -printf '%P %y %m %u %g %l\n' | LC_ALL=C sort
find . -type f -exec sha256sum {} + | LC_ALL=C sort"""
SITE = "server {{ listen 80; server_name {names}; location / {{ return 200 '{text}'; }} }}"

# What he does, in the folder $R.
EDITS = {
    "site": f'echo "{SITE.format(names="mine.test", text="mine")}" >$R/sites-available/mine; '
    "ln -sf ../sites-available/mine $R/sites-enabled/mine",
    "early-site": f'echo "{SITE.format(names="early.test", text="early")}" >$R/sites-enabled/aaa',
    "main": "sed -i 's/# gzip_vary on;/gzip_vary on;/' $R/nginx.conf",
    "conf.d": "echo 'client_max_body_size 7m;' >$R/conf.d/own.conf; chmod 600 $R/conf.d/own.conf",
    "owner": "echo '# of www-data' >$R/snippets/own.conf; chown www-data:adm $R/snippets/own.conf",
    "default-edit": "echo '# looked at' >>$R/sites-available/default",
    "default-off": "rm $R/sites-enabled/default",
    "hash": "sed -i 's/# server_names_hash_bucket_size 64;/server_names_hash_bucket_size 128;/' $R/nginx.conf",
    "rename": "mv $R/sites-available/default $R/sites-available/000-default; rm -f $R/sites-enabled/default",
    "folder": "mkdir -m 750 $R/own; echo 'autoindex off;' >$R/own/off.conf; ln -s ../own/off.conf $R/conf.d/off.conf",
}
# What he does to kraftwerk's own: it goes with the site.
TO_OURS = {
    "ours-edit": "echo '# by hand' >>$R/sites-available/SITE",
    "ours-off": "rm $R/sites-enabled/SITE",
}

# Twenty ways to mix it. `make` and `remove` are of the sites aaa-shop and shop; `aside` makes shop with the default
# site out of its way.
SEQUENCES = (
    "make remove",
    "site make remove",
    "make site remove",
    "make remove site",
    "main make conf.d remove hash",
    "make main remove",
    "default-edit aside remove",
    "aside default-edit remove",
    "aside site main remove owner",
    "site aside conf.d remove",
    "default-off make site remove",
    "default-off early-site make remove",
    "make ours-edit remove",
    "make ours-edit site remove main",
    "make ours-off remove conf.d",
    "aside make-other remove remove-other",
    "make-other aside remove-other site remove",
    "make make-other ours-edit remove main remove-other",
    "hash folder make owner remove make default-edit remove",
    "rename make folder remove make-other main remove-other",
)


def script(edit: str, site: str = "shop") -> str:
    """Return the shell script of an edit, in /etc/nginx and in its shadow."""
    if edit in TO_OURS:
        return f"R=/etc/nginx; {TO_OURS[edit].replace('SITE', site)}; nginx -t -q"
    return f"for R in /etc/nginx {SHADOW}; do {EDITS[edit]}; done; nginx -t -q"


def begin(connection) -> None:
    """Make the shadow of what is there."""
    connection.script(f"rm -rf {SHADOW}; cp -a /etc/nginx {SHADOW}")


def end(connection) -> None:
    """Put back what was there before the owner's edits."""
    connection.script("rm -rf /etc/nginx; cp -a /root/nginx-first /etc/nginx; nginx -t -q; systemctl reload nginx")


def trees(connection) -> tuple[str, str]:
    """Return /etc/nginx and its shadow: names, kinds, modes, owners, where links lead, and the bytes of files."""
    both = (connection.script(TREE, folder).stdout.decode() for folder in ("/etc/nginx", SHADOW))
    now, shadow = both
    return now, shadow


LEFT = r"""cd /
psql() { su postgres -c "psql -Atc \"$1\""; }
psql "select 'role' from pg_roles where rolname in ('$1', 'web-$1')"
psql "select 'database' from pg_database where datname = '$1'"
getent passwd "web-$1" >/dev/null && echo user
for path in /srv/$1 /web/$1/releases /etc/kraftwerk/secrets/$1 /etc/sv/$1-* /etc/service/$1-* /etc/cron.d/kraftwerk-$1 \
  /etc/tmpfiles.d/kraftwerk-$1.conf /run/kraftwerk/$1 /var/log/nginx/$1.* /var/lib/kraftwerk/instances/$1.json; do
  [ ! -e "$path" ] || echo "$path"
done"""


def left(connection, site: str) -> list[str]:
    """Return what is left of a site on its node, outside nginx's folder."""
    return connection.script(LEFT, site).stdout.decode().split()
