# The same objects, of which Terraform destroys the pool first.

resource "gatewayd_pool" "web" {
  name = "web"

  depends_on = [gatewayd_target.web]
}

resource "gatewayd_target" "web" {
  count = 3

  name    = "web-${count.index}"
  pool    = "web"
  address = "10.0.0.${count.index + 1}"
}
