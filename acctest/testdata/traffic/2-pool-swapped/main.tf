# Another pool takes over, and the old one goes in the same apply: Terraform deletes it before it writes the rule.

variable "port" { type = number }
variable "blue" { type = number }
variable "green" { type = number }

resource "gatewayd_listener" "web" {
  name    = "web"
  address = "127.0.0.1"
  port    = var.port
}

resource "gatewayd_pool" "green" {
  name    = "green"
  targets = { a = { address = "127.0.0.1", port = var.green } }
}

resource "gatewayd_probe" "web" {
  name     = "web"
  path     = "/health"
  interval = "500ms"
  timeout  = "5s"
}

resource "gatewayd_setting" "web" {
  name          = "web"
  probe         = gatewayd_probe.web.name
  drain_timeout = "10m"
}

resource "gatewayd_rule" "web" {
  name     = "web"
  listener = gatewayd_listener.web.name
  pool     = gatewayd_pool.green.name
  setting  = gatewayd_setting.web.name
}
