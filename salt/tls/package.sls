{%- from "tls/map.jinja" import sites, auto with context %}

# Nothing, where no site wants a certificate.
{%- if sites %}
tls/package/installed:
  pkg.installed:
    - pkgs: [openssl{{ ", dehydrated" if auto }}]
    - install_recommends: False
    - aggregate: True
{%- endif %}
