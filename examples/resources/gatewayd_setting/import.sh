# By name:
terraform import gatewayd_setting.web web
