data "gatewayd_setting" "web" {
  name = "web"

  # Only because the setting is made by this very configuration.
  depends_on = [gatewayd_setting.web]
}

output "drain_timeout" {
  value = data.gatewayd_setting.web.drain_timeout
}
