# Serves every host on every address of the machine. WebSocket needs no switch: it works on every listener.
resource "gatewayd_listener" "public" {
  name = "public"
  port = var.port

  # Those of the whole port: whoever comes when it has as many is answered 503.
  max_connections = 20000

  # Of these so many may be WebSockets of this listener, so that requests find room.
  max_tunnels = 15000
}

# On the same port, for some hosts only: their rules hang on this one.
resource "gatewayd_listener" "shop" {
  name      = "shop"
  port      = var.port
  hostnames = ["shop.example.com", "*.shop.example.com"]

  keep_alive_timeout = "5m"
  body_timeout       = "30s"

  # The load balancer in front tells who the client is, by X-Forwarded-For. Nobody else is believed in that.
  trusted_proxies = ["10.20.0.0/24", "2001:db8:7::5"]

  # A longer URL is answered 414, a larger body 413.
  max_url_bytes  = 8192
  max_body_bytes = 10485760

  # Shown in place of the short texts of the gateway's own answers. What targets answer is never replaced.
  error_pages = {
    "502" = { body = "<!doctype html><title>Shop</title><p>The shop is closed for a moment." }
    "503" = {
      body         = jsonencode({ error = "busy" })
      content_type = "application/json"
    }
  }

  # Once it is deleted, its WebSockets are asked to close over the last 30 seconds of two minutes.
  drain_timeout = "2m"
  close_spread  = "30s"
}

# For a load balancer on this machine that passes TCP connections on, each behind a PROXY protocol header that tells the
# client's address.
resource "gatewayd_listener" "local" {
  name            = "local"
  address         = "127.0.0.1"
  port            = var.port
  proxy_protocol  = true
  trusted_proxies = ["127.0.0.1"]
}
