resource "gatewayd_pool" "web" {
  name = "web"
}

resource "gatewayd_target" "web_3" {
  name    = "web-3"
  pool    = gatewayd_pool.web.name
  address = "10.0.0.7"
}
