# By name:
terraform import gatewayd_probe.web web
