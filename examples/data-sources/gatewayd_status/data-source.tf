data "gatewayd_status" "now" {}

output "gateway_version" {
  value = data.gatewayd_status.now.version
}
