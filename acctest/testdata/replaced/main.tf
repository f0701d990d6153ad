variable "port" { type = number }
variable "blue" { type = number }

resource "gatewayd_listener" "web" {
  name          = "web"
  address       = "127.0.0.1"
  port          = var.port
  drain_timeout = "2s"
}

resource "gatewayd_pool" "web" {
  name    = "web"
  targets = { blue = { address = "127.0.0.1", port = var.blue } }
}

resource "gatewayd_setting" "web" {
  name          = "web"
  drain_timeout = "2s"
}

resource "gatewayd_rule" "web" {
  name     = "web"
  listener = gatewayd_listener.web.name
  pool     = gatewayd_pool.web.name
  setting  = gatewayd_setting.web.name
}
