# A page for the time of maintenance: terraform apply -var maintenance=true shows it, and false takes it away. WebSockets
# that are open stay open, and whoever sends the header of the staff sees the shop.

terraform {
  required_providers {
    gatewayd = {
      source = "gatewayd/gatewayd"
    }
  }
}

# Endpoint and token come from GATEWAYD_ENDPOINTS and GATEWAYD_TOKEN_FILE.
provider "gatewayd" {}

resource "gatewayd_listener" "shop" {
  name = "shop"
  port = var.port
}

resource "gatewayd_pool" "shop" {
  name    = "shop"
  targets = var.targets
}

resource "gatewayd_setting" "shop" {
  name = "shop"
}

resource "gatewayd_rule" "shop" {
  name     = "shop"
  listener = gatewayd_listener.shop.name
  pool     = gatewayd_pool.shop.name
  setting  = gatewayd_setting.shop.name
}

# Rules with a priority are tried before those without, the smallest number first.
resource "gatewayd_rule" "staff" {
  name     = "staff"
  listener = gatewayd_listener.shop.name
  priority = 1
  match    = { headers = { X-Staff = { equals = ["yes"] } } }
  pool     = gatewayd_pool.shop.name
  setting  = gatewayd_setting.shop.name
}

# While it is there, gatewayd status tells that no request reaches the rule of the shop.
resource "gatewayd_rule" "maintenance" {
  count    = var.maintenance ? 1 : 0
  name     = "maintenance"
  listener = gatewayd_listener.shop.name
  priority = 2

  respond = {
    status       = 503
    content_type = "text/html; charset=utf-8"
    body         = "<!doctype html><title>Back soon</title><p>${var.message}</p>"
  }
}
