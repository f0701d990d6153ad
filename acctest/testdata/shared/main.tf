# One team's part of a gateway whose listener is another's.

variable "team" { type = string }
variable "n" { type = number }

data "gatewayd_listener" "shared" {
  name = "shared"
}

resource "gatewayd_pool" "web" {
  count   = 1 + var.n % 2
  name    = "${var.team}-${count.index}"
  targets = { a = { address = "127.0.0.1", port = 8000 + var.n } }
}

resource "gatewayd_probe" "web" {
  name     = var.team
  interval = "${30 + var.n}s"
}

resource "gatewayd_setting" "web" {
  name  = "${var.team}-${var.n % 2}"
  probe = gatewayd_probe.web.name
}

resource "gatewayd_rule" "web" {
  name     = var.team
  listener = data.gatewayd_listener.shared.name
  match    = { hostnames = ["${var.team}.example"] }
  pool     = gatewayd_pool.web[var.n % 2].name
  setting  = gatewayd_setting.web.name
}
