variable "port" { type = number }
variable "backends" { type = map(number) }
variable "algorithm" { type = string }
variable "hash_header" { type = string }
variable "slow_start" { type = string }

resource "gatewayd_pool" "chat" {
  name        = "chat"
  algorithm   = var.algorithm
  hash_header = var.hash_header
  slow_start  = var.slow_start
  targets     = { for name, port in var.backends : name => { address = "127.0.0.1", port = port } }
}

resource "gatewayd_setting" "chat" {
  name          = "chat"
  drain_timeout = "1s"
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
