resource "gatewayd_listener" "public" {
  name = "public"
  port = var.port
}

resource "gatewayd_pool" "web" {
  name    = "web"
  targets = { a = { address = "10.0.0.5" } }
}

resource "gatewayd_setting" "web" {
  name = "web"
}

resource "gatewayd_rule" "web" {
  name     = "web"
  listener = gatewayd_listener.public.name
  pool     = gatewayd_pool.web.name
  setting  = gatewayd_setting.web.name
}
