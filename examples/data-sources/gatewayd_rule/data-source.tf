data "gatewayd_rule" "web" {
  name = "web"

  # Only because the rule is made by this very configuration.
  depends_on = [gatewayd_rule.web]
}

# The pool that serves the rule now.
data "gatewayd_pool" "web" {
  name = data.gatewayd_rule.web.pool
}

output "targets" {
  value = keys(data.gatewayd_pool.web.targets)
}
