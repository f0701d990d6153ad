# By name:
terraform import gatewayd_listener.public public
