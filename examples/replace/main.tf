# Machines that are the members of a pool's map, and are replaced by others.
#
# By default Terraform would destroy an old machine before it writes the pool. With create_before_destroy it creates the
# new machine, writes the pool, and destroys the old machine at last. The write of the pool returns when nothing is open
# on a member that it lost (wait_for_drain, which is the default), so no conversation ends with its machine.

terraform {
  required_providers {
    gatewayd = {
      source = "gatewayd/gatewayd"
    }
  }
}

# Endpoint and token come from GATEWAYD_ENDPOINTS and GATEWAYD_TOKEN_FILE.
provider "gatewayd" {}

# Stands for a machine of your cloud, whose address is known once it is there.
resource "terraform_data" "machine" {
  for_each = var.machines

  input            = each.value
  triggers_replace = each.value

  lifecycle {
    create_before_destroy = true
  }
}

resource "gatewayd_pool" "chat" {
  name = "chat"
  targets = {
    for name, machine in terraform_data.machine : name => {
      address = machine.output.address
      port    = machine.output.port
    }
  }
}

resource "gatewayd_setting" "chat" {
  name          = "chat"
  drain_timeout = var.drain_timeout
}

resource "gatewayd_listener" "chat" {
  name = "chat"
  port = var.port
}

resource "gatewayd_rule" "chat" {
  name     = "chat"
  listener = gatewayd_listener.chat.name
  pool     = gatewayd_pool.chat.name
  setting  = gatewayd_setting.chat.name
}
