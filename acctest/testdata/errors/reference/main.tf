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

resource "gatewayd_listener" "many" {
  name      = "many"
  address   = "127.0.0.1"
  port      = var.port
  hostnames = ["*.example"]
}

resource "gatewayd_pool" "web" {
  name = "web"
}

resource "gatewayd_rule" "rewritten" {
  name     = "rewritten"
  listener = gatewayd_listener.web.name
  match    = { paths = ["/rewritten"] }
  pool     = gatewayd_pool.web.name
  setting  = gatewayd_setting.web.name
  rewrite  = "nothing"
}

resource "gatewayd_rule" "split" {
  name     = "split"
  listener = gatewayd_listener.web.name
  match    = { paths = ["/split"] }
  split = {
    a = { pool = gatewayd_pool.web.name, setting = gatewayd_setting.web.name }
    b = { pool = "nowhere", setting = "nohow" }
  }
}

resource "gatewayd_rule" "redirect" {
  name     = "redirect"
  listener = gatewayd_listener.web.name
  match    = { paths = ["/redirect"] }
  redirect = { status = 302, listener = gatewayd_listener.many.name }
}
