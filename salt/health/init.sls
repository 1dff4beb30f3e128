include:
  - health.probes
