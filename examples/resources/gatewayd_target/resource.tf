# A machine enrols itself in a pool that may be another team's: nothing of the pool is written.
resource "gatewayd_target" "web_3" {
  name    = "web-3"
  pool    = gatewayd_pool.web.name
  address = "10.0.0.7"
  port    = 8081
  weight  = 2
}

# Each address of a DNS name is a target. It is looked up anew when its TTL is over; while that fails, the last good
# addresses stay.
resource "gatewayd_target" "cloud" {
  name    = "cloud"
  pool    = gatewayd_pool.web.name
  address = "web.internal.example.com"
}

# A server on the gateway's own machine, by its Unix socket.
resource "gatewayd_target" "local" {
  name    = "local"
  pool    = gatewayd_pool.web.name
  address = "unix:/run/web/http.sock"
}

# Targets in the pool's own map and those that enrol themselves are its members alike.
resource "gatewayd_pool" "web" {
  name    = "web"
  targets = { old = { address = "10.0.0.5" } }
}
