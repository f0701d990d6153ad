variable "port" { type = number }
variable "other" { type = number }
variable "blue" { type = number }
variable "green" { type = number }
variable "first" { type = number }
variable "second" { type = number }
variable "moving" { type = string }
variable "swapped" { type = bool }

resource "gatewayd_listener" "web" {
  name    = "web"
  address = "127.0.0.1"
  port    = var.port
}

resource "gatewayd_listener" "other" {
  name    = "other"
  address = "127.0.0.1"
  port    = var.other
}

resource "gatewayd_pool" "blue" {
  name    = "blue"
  targets = { a = { address = "127.0.0.1", port = var.blue } }
}

resource "gatewayd_pool" "green" {
  name    = "green"
  targets = { a = { address = "127.0.0.1", port = var.green } }
}

resource "gatewayd_setting" "plain" {
  name          = "plain"
  drain_timeout = "10m"
}

resource "gatewayd_setting" "slow" {
  name            = "slow"
  request_timeout = "10m"
  drain_timeout   = "10m"
}

# Two rules for everything: the smaller priority serves.
resource "gatewayd_rule" "first" {
  name     = "first"
  listener = gatewayd_listener.web.name
  priority = var.first
  pool     = gatewayd_pool.blue.name
  setting  = gatewayd_setting.plain.name
}

resource "gatewayd_rule" "second" {
  name     = "second"
  listener = gatewayd_listener.web.name
  priority = var.second
  pool     = gatewayd_pool.green.name
  setting  = gatewayd_setting.plain.name
}

# Hangs on the one listener or the other.
resource "gatewayd_rule" "moving" {
  name     = "moving"
  listener = var.moving == "web" ? gatewayd_listener.web.name : gatewayd_listener.other.name
  priority = 1
  match    = { paths = ["/bytes/*"] }
  pool     = gatewayd_pool.green.name
  setting  = gatewayd_setting.slow.name
}

# Two rules of paths that exchange what they name.
resource "gatewayd_rule" "left" {
  name     = "left"
  listener = gatewayd_listener.other.name
  match    = { paths = ["/health"] }
  pool     = var.swapped ? gatewayd_pool.green.name : gatewayd_pool.blue.name
  setting  = var.swapped ? gatewayd_setting.slow.name : gatewayd_setting.plain.name
}

resource "gatewayd_rule" "right" {
  name     = "right"
  listener = gatewayd_listener.other.name
  match    = { paths = ["/status/*"] }
  pool     = var.swapped ? gatewayd_pool.blue.name : gatewayd_pool.green.name
  setting  = var.swapped ? gatewayd_setting.plain.name : gatewayd_setting.slow.name
}

# Two rules of hosts and conditions that exchange their hosts, and a third that takes what they do not, by its priority.
resource "gatewayd_rule" "north" {
  name     = "north"
  listener = gatewayd_listener.other.name
  priority = 5
  pool     = gatewayd_pool.blue.name
  setting  = gatewayd_setting.plain.name

  match = {
    hostnames = [var.swapped ? "south.example" : "north.example"]
    methods   = ["GET"]
    headers   = { X-Team = { equals = ["blue", "red"] }, X-Opt-Out = { absent = true } }
    query     = { v = { prefix = "2" } }
  }
}

resource "gatewayd_rule" "south" {
  name     = "south"
  listener = gatewayd_listener.other.name
  priority = 5
  pool     = gatewayd_pool.green.name
  setting  = gatewayd_setting.plain.name

  match = {
    hostnames = [var.swapped ? "north.example" : "south.example"]
    methods   = ["GET"]
    headers   = { X-Team = { equals = ["blue", "red"] }, X-Opt-Out = { absent = true } }
    query     = { v = { prefix = "2" } }
  }
}

resource "gatewayd_rule" "rest" {
  name     = "rest"
  listener = gatewayd_listener.other.name
  priority = var.first # Changes with the others, never to before them.
  match    = { hostnames = ["*.example"] }
  respond  = { status = 503, body = "the rest" }
}
