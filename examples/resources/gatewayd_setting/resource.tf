resource "gatewayd_setting" "web" {
  name  = "web"
  port  = 8080
  probe = gatewayd_probe.web.name

  connect_timeout = "2s"
  request_timeout = "1m"
  write_timeout   = "1m"
  drain_timeout   = "5m"

  host_from_target = true

  # Beyond this the next target gets the request, and 503 is the answer when all of them have as much.
  max_connections = 500

  # Five requests that fail one after the other are enough; the probe need not notice first.
  eject = {
    failures = 5
    for      = "10s"
  }

  keep_alive = {
    idle_timeout = "30s"
    max_idle     = 128
  }
}

# For WebSockets: those on a target that turns unhealthy are asked to come back elsewhere, over a minute and not all at
# once. With several own addresses the gateway can have more of them to each target.
resource "gatewayd_setting" "chat" {
  name  = "chat"
  probe = gatewayd_probe.web.name

  host             = "chat.example.com"
  on_unhealthy     = "drain"
  drain_timeout    = "10m"
  close_spread     = "1m"
  source_addresses = var.own_addresses

  # Pages of others may not open WebSockets with the cookies of whoever looks at them, nobody sends a message of more than
  # 1 MiB, and who is silent for ten minutes is asked to go.
  websocket = {
    allowed_origins   = ["https://chat.example.com", "https://*.partner.example"]
    max_message_bytes = 1048576
    idle_timeout      = "10m"
    max_lifetime      = "24h"
  }
}

# For an application that keeps what it knows of a client in memory: a cookie brings the client back to its target, for
# eight hours after its last request.
resource "gatewayd_setting" "shop" {
  name  = "shop"
  probe = gatewayd_probe.web.name
  host  = "shop.example.com"

  affinity = {
    cookie_name = "shop-target"
    ttl         = "8h"
  }
}

# For targets that read who the client is from a PROXY protocol header.
resource "gatewayd_setting" "audited" {
  name                = "audited"
  send_proxy_protocol = true
}

# For targets that know their paths by another beginning: a rule of "/api/*" sends "/api/users" to them as "/v2/users".
resource "gatewayd_setting" "api" {
  name        = "api"
  path_prefix = "/v2/"
}

resource "gatewayd_probe" "web" {
  name              = "web"
  path              = "/health"
  host_from_setting = true
}

# For targets that speak https with certificates of an authority of your own, and want to know who asks. While the
# authority is replaced, its bundle holds the old one and the new one.
resource "gatewayd_setting" "secure" {
  name     = "secure"
  protocol = "https"

  tls = {
    server_name        = "app.internal"
    ca_bundles         = [gatewayd_ca_bundle.internal.name]
    client_certificate = gatewayd_certificate.gateway.name
  }
}

resource "gatewayd_ca_bundle" "internal" {
  name = "internal"
  pem  = var.internal_authorities
}

resource "gatewayd_certificate" "gateway" {
  name            = "gateway"
  certificate_pem = var.gateway_certificate
  private_key_wo  = var.gateway_key
}
