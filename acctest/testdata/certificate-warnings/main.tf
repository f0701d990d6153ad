variable "certificate" { type = string }
variable "key" {
  type      = string
  ephemeral = true
}
variable "port" { type = number }
variable "hostnames" { type = set(string) }
variable "suites" { type = list(string) }

resource "gatewayd_certificate" "shop" {
  name            = "shop"
  certificate_pem = var.certificate
  private_key_wo  = var.key
}

resource "gatewayd_listener" "shop" {
  name         = "shop"
  address      = "127.0.0.1"
  port         = var.port
  protocol     = "https"
  hostnames    = var.hostnames
  certificates = [gatewayd_certificate.shop.name]
  tls          = { cipher_suites = var.suites }
}
