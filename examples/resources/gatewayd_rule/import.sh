# By name:
terraform import gatewayd_rule.chat chat
