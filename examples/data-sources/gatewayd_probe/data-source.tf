data "gatewayd_probe" "web" {
  name = "web"

  # Only because the probe is made by this very configuration.
  depends_on = [gatewayd_probe.web]
}

output "path" {
  value = data.gatewayd_probe.web.path
}
