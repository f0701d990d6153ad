variable "port" { type = number }
variable "a" { type = any }
variable "b" { type = any }

resource "gatewayd_listener" "web" {
  name    = "web"
  address = "127.0.0.1"
  port    = var.port
}

resource "gatewayd_pool" "web" {
  name = "web"
}

resource "gatewayd_setting" "web" {
  name = "web"
}

resource "gatewayd_rule" "a" {
  name     = "a"
  listener = gatewayd_listener.web.name
  priority = try(var.a.priority, null)
  match    = var.a.match
  pool     = gatewayd_pool.web.name
  setting  = gatewayd_setting.web.name
}

resource "gatewayd_rule" "b" {
  name     = "b"
  listener = gatewayd_listener.web.name
  priority = try(var.b.priority, null)
  match    = var.b.match
  pool     = gatewayd_pool.web.name
  setting  = gatewayd_setting.web.name

  depends_on = [gatewayd_rule.a]
}
