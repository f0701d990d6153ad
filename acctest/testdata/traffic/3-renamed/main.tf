# Every name that another object or a connection rests on is another one.

variable "port" { type = number }
variable "blue" { type = number }
variable "green" { type = number }

resource "gatewayd_listener" "web" {
  name    = "front"
  address = "127.0.0.1"
  port    = var.port
}

resource "gatewayd_pool" "green" {
  name    = "emerald"
  targets = { a = { address = "127.0.0.1", port = var.green } }
}

resource "gatewayd_probe" "web" {
  name     = "well"
  path     = "/health"
  interval = "500ms"
  timeout  = "5s"
}

resource "gatewayd_setting" "web" {
  name          = "patient"
  probe         = gatewayd_probe.web.name
  drain_timeout = "10m"
}

resource "gatewayd_rule" "web" {
  name     = "all"
  listener = gatewayd_listener.web.name
  pool     = gatewayd_pool.green.name
  setting  = gatewayd_setting.web.name
}
