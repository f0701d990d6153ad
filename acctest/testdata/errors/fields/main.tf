# Fields that exclude or need each other.

resource "gatewayd_pool" "hash" {
  name      = "hash"
  algorithm = "header_hash"
}

resource "gatewayd_pool" "header" {
  name        = "header"
  algorithm   = "least_connections"
  hash_header = "X-Session-Id"
}

resource "gatewayd_pool" "members" {
  name       = "members"
  algorithm  = "random"
  slow_start = "2h"
  targets = {
    a = { address = "10.0.0.1", port = 80 }
    b = { address = "10.0.0.1", port = 80 }
    c = { address = "unix:/run/app.sock", port = 80 }
    d = { address = "app.example", weight = -1 }
  }
}

resource "gatewayd_target" "socket" {
  name    = "socket"
  pool    = "members" # A reference would have Terraform look at the pool's problems alone.
  address = "unix:/run/app.sock"
  port    = 80
}

resource "gatewayd_target" "nowhere" {
  name    = "nowhere"
  pool    = "members"
  address = "unix:run/app.sock"
}

resource "gatewayd_setting" "web" {
  name             = "web"
  drain_timeout    = "10s"
  close_spread     = "11s"
  max_connections  = -1
  on_unhealthy     = "cut"
  eject            = { failures = 0, for = "1ms" }
  source_addresses = ["eth0"]
  affinity         = { cookie_name = "shopCORS", ttl = "0s" }
}

resource "gatewayd_listener" "web" {
  name         = "web"
  port         = 8080
  close_spread = "31s"
}
