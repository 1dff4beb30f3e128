# Nothing of this node is looked at any more but its disk and memory.
health/clean/probes:
  file.absent:
    - name: /var/lib/kraftwerk/health

# What looks noted: first the list goes, without which they note nothing.
health/clean/noted:
  file.absent:
    - names:
      - /var/lib/kraftwerk/disk.log
      - /var/lib/kraftwerk/updates
    - require:
      - file: health/clean/probes
