# A pool of machines, by its map or by gatewayd_target. Each machine notes in a file when its destruction begins.

variable "port" { type = number }
variable "machines" { type = map(number) }
variable "enrol" { type = bool }
variable "drain" { type = string }
variable "destroyed" { type = string }

resource "terraform_data" "machine" {
  for_each = var.machines

  input            = { port = each.value, destroyed = var.destroyed }
  triggers_replace = each.value

  lifecycle {
    create_before_destroy = true
  }

  provisioner "local-exec" {
    when    = destroy
    command = "echo ${self.input.port} $(date +%s%N) >> ${self.input.destroyed}"
  }
}

resource "gatewayd_pool" "chat" {
  name = "chat"
  targets = var.enrol ? {} : {
    for name, machine in terraform_data.machine : name => { address = "127.0.0.1", port = machine.output.port }
  }
}

resource "gatewayd_target" "chat" {
  for_each = { for name, machine in terraform_data.machine : name => machine if var.enrol }

  name    = each.key
  pool    = gatewayd_pool.chat.name
  address = "127.0.0.1"
  port    = each.value.output.port
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
