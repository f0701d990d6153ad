# The keys are yours; a change of one target shows as a change of that one in the plan.
resource "gatewayd_pool" "web" {
  name = "web"

  targets = {
    old = { address = "10.0.0.5" }
    new = { address = "10.0.0.6", port = 8081, weight = 3 }
  }

  # Whoever has the least to do gets the next request. One that has just started is spared for half a minute.
  algorithm  = "least_connections"
  slow_start = "30s"
}

# All requests of a session go to one target. When targets come and go, only their sessions move.
resource "gatewayd_pool" "shop" {
  name = "shop"

  targets = {
    a = { address = "10.0.0.7" }
    b = { address = "10.0.0.8" }
  }

  algorithm   = "header_hash"
  hash_header = "X-Session-Id"
}

# By name or by Unix socket. Where a probe may be wrong about all of them at once, requests are sent anyway.
resource "gatewayd_pool" "reports" {
  name = "reports"

  targets = {
    cloud = { address = "reports.internal.example.com", port = 8443 }
    local = { address = "unix:/run/reports/http.sock" }
  }

  fail_open = true
}

# An empty pool is legal: its requests are answered 502 until a target joins, as a gatewayd_target for example.
resource "gatewayd_pool" "empty" {
  name = "empty"
}
