# Partners prove who they are by certificates of their authority. Nobody else gets past the listener, and the servers are told
# who it is in headers that no client can forge.

terraform {
  required_providers {
    gatewayd = {
      source = "gatewayd/gatewayd"
    }
  }
}

# Endpoint and token come from GATEWAYD_ENDPOINTS and GATEWAYD_TOKEN_FILE.
provider "gatewayd" {}

resource "gatewayd_certificate" "api" {
  name            = "api"
  certificate_pem = var.api_certificate
  private_key_wo  = var.api_key
}

resource "gatewayd_ca_bundle" "partners" {
  name = "partners"
  pem  = var.partner_authorities
}

resource "gatewayd_listener" "api" {
  name         = "api"
  port         = var.port
  protocol     = "https"
  certificates = [gatewayd_certificate.api.name]

  client_auth = {
    mode       = "strict"
    ca_bundles = [gatewayd_ca_bundle.partners.name]
  }

  error_pages = {
    "400" = { body = "<!doctype html><title>Partners</title><p>This needs a certificate that we gave you." }
  }
}

resource "gatewayd_pool" "api" {
  name    = "api"
  targets = var.servers
}

resource "gatewayd_setting" "api" {
  name = "api"
}

# Whatever the client says under these names is replaced.
resource "gatewayd_rewrite" "who" {
  name = "who"

  steps = [{
    request_headers = {
      "X-Client-Subject"     = { value = "{var_client_certificate_subject}" }
      "X-Client-Fingerprint" = { value = "{var_client_certificate_fingerprint}" }
    }
  }]
}

resource "gatewayd_rule" "api" {
  name     = "api"
  listener = gatewayd_listener.api.name
  pool     = gatewayd_pool.api.name
  setting  = gatewayd_setting.api.name
  rewrite  = gatewayd_rewrite.who.name
}
