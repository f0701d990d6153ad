variable "port" { type = number }
variable "priority" { type = map(number) }
variable "paths" { type = map(list(string)) }

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
  priority = lookup(var.priority, "a", null)
  match    = { paths = var.paths["a"] }
  pool     = gatewayd_pool.web.name
  setting  = gatewayd_setting.web.name
}

resource "gatewayd_rule" "b" {
  name     = "b"
  listener = gatewayd_listener.web.name
  priority = lookup(var.priority, "b", null)
  match    = { paths = var.paths["b"] }
  pool     = gatewayd_pool.web.name
  setting  = gatewayd_setting.web.name

  depends_on = [gatewayd_rule.a]
}
