resource "gatewayd_pool" "web" {
  name = "web"
}

resource "gatewayd_target" "web" {
  count = 3

  name    = "web-${count.index}"
  pool    = gatewayd_pool.web.name
  address = "10.0.0.${count.index + 1}"
}
