# One target by its name and one by its socket.

variable "port" { type = number }
variable "app" { type = number }
variable "socket" { type = string }

resource "gatewayd_pool" "web" {
  name    = "web"
  targets = { named = { address = "app.example", port = var.app } }
}

resource "gatewayd_target" "local" {
  name    = "local"
  pool    = gatewayd_pool.web.name
  address = "unix:${var.socket}"
}

resource "gatewayd_setting" "web" {
  name  = "web"
  probe = gatewayd_probe.web.name
}

resource "gatewayd_probe" "web" {
  name     = "web"
  interval = "200ms"
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

data "gatewayd_health" "now" {
  depends_on = [gatewayd_rule.web, gatewayd_target.local]
}
