# One port for old links and typed addresses, which only leads to the other, path and query included. A listener that
# has TLS gets the same redirect, with https in it.

terraform {
  required_providers {
    gatewayd = {
      source = "gatewayd/gatewayd"
    }
  }
}

# Endpoint and token come from GATEWAYD_ENDPOINTS and GATEWAYD_TOKEN_FILE.
provider "gatewayd" {}

resource "gatewayd_listener" "door" {
  name = "door"
  port = var.door_port
}

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

# 307 and 308 keep the method: what was posted to the door is posted to the shop.
resource "gatewayd_rule" "door" {
  name     = "door"
  listener = gatewayd_listener.door.name

  redirect = {
    status        = 308
    listener      = gatewayd_listener.shop.name
    include_path  = true
    include_query = true
  }
}

# The shop has moved from there, whoever serves it now; a rule that names the host comes before one that does not.
resource "gatewayd_rule" "old" {
  name     = "old"
  listener = gatewayd_listener.door.name
  match    = { hostnames = ["old.example.com"] }

  redirect = {
    status       = 301
    url          = "https://www.example.com/shop"
    include_path = true
  }
}

# What proves to a certificate authority whose host it is must be served, not redirected.
resource "gatewayd_rule" "acme" {
  name     = "acme"
  listener = gatewayd_listener.door.name
  match    = { paths = ["/.well-known/acme-challenge/*"] }
  pool     = gatewayd_pool.shop.name
  setting  = gatewayd_setting.shop.name
}
