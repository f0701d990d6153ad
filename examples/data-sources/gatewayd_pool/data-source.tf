data "gatewayd_pool" "web" {
  name = "web"

  # Only because the pool is made by this very configuration.
  depends_on = [gatewayd_pool.web]
}

output "addresses" {
  value = [for t in data.gatewayd_pool.web.targets : t.address]
}
