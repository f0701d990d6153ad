variable "port" { type = number }

resource "gatewayd_listener" "web" {
  name    = "web"
  address = "127.0.0.1"
  port    = var.port
}

resource "gatewayd_setting" "web" {
  name = "web"
}

resource "gatewayd_rule" "web" {
  name     = "web"
  listener = gatewayd_listener.web.name
  pool     = "nowhere"
  setting  = gatewayd_setting.web.name
}
