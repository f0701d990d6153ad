variable "port" { type = number }
variable "away" { type = number }
variable "blue" { type = number }
variable "green" { type = number }

resource "gatewayd_listener" "stays" {
  name    = "stays"
  address = "127.0.0.1"
  port    = var.port
}

resource "gatewayd_pool" "chat" {
  name = "chat"
  targets = {
    green = { address = "127.0.0.1", port = var.green }
  }
}

resource "gatewayd_setting" "chat" {
  name          = "chat"
  drain_timeout = "2s"
}

resource "gatewayd_rule" "stays" {
  name     = "stays"
  listener = gatewayd_listener.stays.name
  pool     = gatewayd_pool.chat.name
  setting  = gatewayd_setting.chat.name
}
