variable "port" { type = number }
variable "target" { type = number }
variable "authorities" { type = string }

resource "gatewayd_listener" "web" {
  name    = "web"
  address = "127.0.0.1"
  port    = var.port
}

resource "gatewayd_pool" "apps" {
  name    = "apps"
  targets = { app = { address = "127.0.0.1", port = var.target } }
}

resource "gatewayd_probe" "often" {
  name                = "often"
  interval            = "100ms"
  unhealthy_threshold = 1
}

resource "gatewayd_ca_bundle" "internal" {
  name = "internal"
  pem  = var.authorities
}

resource "gatewayd_setting" "secure" {
  name     = "secure"
  protocol = "https"
  probe    = gatewayd_probe.often.name

  tls = {
    server_name = "app.internal"
    ca_bundles  = [gatewayd_ca_bundle.internal.name]
  }
}

resource "gatewayd_rule" "web" {
  name     = "web"
  listener = gatewayd_listener.web.name
  pool     = gatewayd_pool.apps.name
  setting  = gatewayd_setting.secure.name
}
