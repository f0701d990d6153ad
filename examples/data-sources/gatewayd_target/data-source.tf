data "gatewayd_target" "web_3" {
  name = "web-3"

  # Only because the target is made by this very configuration.
  depends_on = [gatewayd_target.web_3]
}

output "weight" {
  value = data.gatewayd_target.web_3.weight
}
