variable "certificate" { type = string }
variable "api_password" {
  type      = string
  ephemeral = true
}
variable "key" {
  type      = string
  ephemeral = true
}
variable "pfx" {
  type      = string
  ephemeral = true
}

resource "gatewayd_certificate" "shop" {
  name            = "shop"
  certificate_pem = var.certificate
  private_key_wo  = var.key
}

resource "gatewayd_certificate" "api" {
  name            = "api"
  pfx_wo          = var.pfx
  pfx_password_wo = var.api_password
}
