# Machines that enrol themselves in a pool, and leave it before they are destroyed.
#
# A target names its machine, so Terraform destroys the target first. That write returns when nothing is open on the
# machine any more (wait_for_drain, which is the default): new requests go elsewhere at once, open requests end, and
# WebSockets are asked to close within drain_timeout. Only then the machine is destroyed.

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

  # For a machine that is replaced: the new one is created, then the target moves to it and waits for the old one to
  # drain, then the old one is destroyed.
  lifecycle {
    create_before_destroy = true
  }
}

resource "gatewayd_target" "chat" {
  for_each = terraform_data.machine

  name    = "chat-${each.key}"
  pool    = gatewayd_pool.chat.name
  address = each.value.output.address
  port    = each.value.output.port
}

# The pool may be in another team's configuration: it does not list its machines.
resource "gatewayd_pool" "chat" {
  name      = "chat"
  algorithm = "least_connections"
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
