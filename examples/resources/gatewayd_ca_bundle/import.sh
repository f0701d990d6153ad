# By name:
terraform import gatewayd_ca_bundle.partners partners
