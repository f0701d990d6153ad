resource "gatewayd_pool" "web" {
  name = "standing"
}
