resource "gatewayd_pool" "web" {
  name    = "web"
  targets = { a = { address = "10.0.0.5" } }
}
