# A WebSocket service behind a gateway: clients connect to one port, two servers share the conversations, and a server
# that stops answering its health probe gets no new one. There is no switch for WebSocket; a plain listener and a plain
# rule carry it.

terraform {
  required_providers {
    gatewayd = {
      source = "gatewayd/gatewayd"
    }
  }
}

# Endpoint and token come from GATEWAYD_ENDPOINTS and GATEWAYD_TOKEN_FILE.
provider "gatewayd" {}

resource "gatewayd_listener" "chat" {
  name = "chat"
  port = var.port
}

resource "gatewayd_pool" "chat" {
  name    = "chat"
  targets = var.targets
}

resource "gatewayd_probe" "chat" {
  name     = "chat"
  path     = "/health"
  interval = "1s"
  timeout  = "1s"

  unhealthy_threshold = 2
}

resource "gatewayd_setting" "chat" {
  name          = "chat"
  probe         = gatewayd_probe.chat.name
  drain_timeout = var.drain_timeout
}

resource "gatewayd_rule" "chat" {
  name     = "chat"
  listener = gatewayd_listener.chat.name
  pool     = gatewayd_pool.chat.name
  setting  = gatewayd_setting.chat.name
}
