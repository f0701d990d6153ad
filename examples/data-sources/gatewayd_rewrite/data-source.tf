data "gatewayd_rewrite" "web" {
  name = "web"

  # Only because the rewrite is made by this very configuration.
  depends_on = [gatewayd_rewrite.web]
}

output "steps" {
  value = length(data.gatewayd_rewrite.web.steps)
}
