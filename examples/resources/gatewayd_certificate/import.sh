# By name:
terraform import gatewayd_certificate.shop shop
