variable "port" { type = number }
variable "blue" { type = number }
variable "green" { type = number }

resource "gatewayd_listener" "web" {
  name    = "web"
  address = "127.0.0.1"
  port    = var.port
}

resource "gatewayd_pool" "shop" {
  name = "store"
  targets = {
    first = { address = "127.0.0.1", port = var.blue }
    green = { address = "127.0.0.1", port = var.green }
  }
}

resource "gatewayd_setting" "shop" {
  name     = "store"
  affinity = { cookie_name = "shop" }
}

resource "gatewayd_rule" "web" {
  name     = "web"
  listener = gatewayd_listener.web.name
  pool     = gatewayd_pool.shop.name
  setting  = gatewayd_setting.shop.name
}
