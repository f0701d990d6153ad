# By name:
terraform import gatewayd_rewrite.shop shop
