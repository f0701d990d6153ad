# Many machines of a pool, each a gatewayd_target. One server answers for all of them.

variable "port" { type = number }
variable "app" { type = number }
variable "machines" { type = list(number) }

resource "gatewayd_target" "web" {
  for_each = toset([for n in var.machines : tostring(n)])

  name    = "web-${each.key}"
  pool    = gatewayd_pool.web.name
  address = "127.1.${floor(each.key / 250)}.${each.key % 250 + 1}"
  port    = var.app
}

resource "gatewayd_pool" "web" {
  name = "web"
}

resource "gatewayd_setting" "web" {
  name             = "web"
  host_from_target = true
}

resource "gatewayd_listener" "web" {
  name    = "web"
  address = "127.0.0.1"
  port    = var.port
}

resource "gatewayd_rule" "web" {
  name     = "web"
  listener = gatewayd_listener.web.name
  pool     = gatewayd_pool.web.name
  setting  = gatewayd_setting.web.name
}
