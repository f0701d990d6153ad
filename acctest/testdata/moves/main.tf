# A pool whose one member is a gatewayd_target, or stands in its map.

variable "port" { type = number }
variable "app" { type = number }
variable "pool" { type = string }
variable "target" { type = string }
variable "weight" { type = number }

resource "gatewayd_pool" "chat" {
  name    = var.pool
  targets = var.target == "" ? { app = { address = "127.0.0.1", port = var.app, weight = var.weight } } : {}
}

resource "gatewayd_target" "chat" {
  count = var.target == "" ? 0 : 1

  name    = var.target
  pool    = gatewayd_pool.chat.name
  address = "127.0.0.1"
  port    = var.app
  weight  = var.weight
}

resource "gatewayd_setting" "chat" {
  name          = "chat"
  drain_timeout = "10m"
}

resource "gatewayd_listener" "chat" {
  name    = "chat"
  address = "127.0.0.1"
  port    = var.port
}

resource "gatewayd_rule" "chat" {
  name     = "chat"
  listener = gatewayd_listener.chat.name
  pool     = gatewayd_pool.chat.name
  setting  = gatewayd_setting.chat.name
}
