# By name:
terraform import gatewayd_pool.web web
