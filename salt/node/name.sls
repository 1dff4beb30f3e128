# A node that can't resolve its own name makes sudo, Salt and Django slow.
node/name/hosts:
  file.append:
    - name: /etc/hosts
    - text: 127.0.1.1 {{ grains["nodename"] }}
    - unless: getent --service=files ahosts {{ grains["nodename"] }}
