{# on: kraftwerk/push/* #}
# A push that was signed: the runner fetches it and deploys it. Every value is quoted: nothing of a request is a template.
reactor/push:
  runner.kw_deploy.push:
    - args:
{% for key in ("project", "branch", "commit", "environment", "delivery", "received", "test") if key in data %}
      - {{ key }}: {{ data[key] | json }}
{% endfor %}
