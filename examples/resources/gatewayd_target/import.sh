# By name:
terraform import gatewayd_target.web_3 web-3
