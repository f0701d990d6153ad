# A pool of machines, which are in its map or targets of their own.

variable "port" { type = number }
variable "machines" { type = map(string) }
variable "enrol" { type = bool }
variable "drain" { type = string }

resource "machine_server" "chat" {
  for_each = var.machines

  name = each.value

  lifecycle {
    create_before_destroy = true
  }
}

resource "gatewayd_pool" "chat" {
  name    = "chat"
  targets = var.enrol ? {} : { for label, machine in machine_server.chat : label => { address = "127.0.0.1", port = machine.port } }
}

resource "gatewayd_target" "chat" {
  for_each = { for label, machine in machine_server.chat : label => machine if var.enrol }

  name    = each.key
  pool    = gatewayd_pool.chat.name
  address = "127.0.0.1"
  port    = each.value.port
}

resource "gatewayd_setting" "chat" {
  name          = "chat"
  drain_timeout = var.drain
  close_spread  = "1s"
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
