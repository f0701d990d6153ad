resource "gatewayd_probe" "web" {
  name = "web"
  path = "/health"
}
