# A new version for some: for a share of the requests, raised apply by apply, and for everybody who asks for it by a
# header. Requests and WebSockets that go on stay where they are.

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

resource "gatewayd_pool" "stable" {
  name    = "stable"
  targets = var.stable
}

resource "gatewayd_pool" "canary" {
  name    = "canary"
  targets = var.canary
}

resource "gatewayd_setting" "shop" {
  name = "shop"
}

# Each request draws its pool anew. A share of 0 takes nothing, and its targets are probed and ready.
resource "gatewayd_rule" "shop" {
  name     = "shop"
  listener = gatewayd_listener.shop.name

  split = {
    stable = { pool = gatewayd_pool.stable.name, setting = gatewayd_setting.shop.name, weight = 100 - var.percent }
    canary = { pool = gatewayd_pool.canary.name, setting = gatewayd_setting.shop.name, weight = var.percent }
  }
}

# A rule with more conditions comes first.
resource "gatewayd_rule" "testers" {
  name     = "testers"
  listener = gatewayd_listener.shop.name
  match    = { headers = { X-Version = { equals = ["canary"] } } }
  pool     = gatewayd_pool.canary.name
  setting  = gatewayd_setting.shop.name
}
