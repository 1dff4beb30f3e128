# Nothing of this node is looked at any more but its disk and memory.
health/clean/probes:
  file.absent:
    - name: /var/lib/kraftwerk/health
