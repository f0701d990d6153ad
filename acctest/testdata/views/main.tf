variable "port" { type = number }
variable "blue" { type = number }
variable "path" { type = string }
variable "interval" { type = string }
variable "threshold" { type = number }

resource "gatewayd_listener" "web" {
  name    = "web"
  address = "127.0.0.1"
  port    = var.port
}

resource "gatewayd_pool" "web" {
  name = "web"
  targets = {
    blue = { address = "127.0.0.1" }
    none = { address = "127.0.0.1", port = 9, weight = 0 }
  }
}

resource "gatewayd_probe" "web" {
  name                = "web"
  path                = var.path
  interval            = var.interval
  timeout             = "2s"
  unhealthy_threshold = var.threshold
}

resource "gatewayd_setting" "web" {
  name    = "web"
  port    = var.blue
  probe   = gatewayd_probe.web.name
  retries = 0
}

resource "gatewayd_rule" "web" {
  name     = "web"
  listener = gatewayd_listener.web.name
  pool     = gatewayd_pool.web.name
  setting  = gatewayd_setting.web.name
  match    = { hostnames = ["*"] }
}

data "gatewayd_listener" "web" {
  name = gatewayd_listener.web.name
}

data "gatewayd_pool" "web" {
  name = gatewayd_pool.web.name
}

data "gatewayd_probe" "web" {
  name = gatewayd_probe.web.name
}

data "gatewayd_setting" "web" {
  name = gatewayd_setting.web.name
}

data "gatewayd_rule" "web" {
  name = gatewayd_rule.web.name
}

data "gatewayd_health" "now" {
  depends_on = [gatewayd_rule.web]
}

data "gatewayd_status" "now" {
  depends_on = [gatewayd_rule.web]
}

output "equal" {
  value = [
    { for name, value in gatewayd_listener.web : name => value if value != data.gatewayd_listener.web[name] },
    { for name, value in gatewayd_pool.web : name => value if value != data.gatewayd_pool.web[name] },
    { for name, value in gatewayd_probe.web : name => value if value != data.gatewayd_probe.web[name] },
    { for name, value in gatewayd_setting.web : name => value if value != data.gatewayd_setting.web[name] },
    { for name, value in gatewayd_rule.web : name => value if value != data.gatewayd_rule.web[name] },
  ]
}
