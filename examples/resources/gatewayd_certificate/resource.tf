# In PEM form: leaf, then the authorities between it and its root. The key is in neither state nor plan, and no version has to
# be counted: another certificate plans an update, whoever changed it.
resource "gatewayd_certificate" "shop" {
  name            = "shop"
  certificate_pem = var.shop_certificate
  private_key_wo  = var.shop_key
}

# In one PFX, as Windows and Azure export them.
resource "gatewayd_certificate" "api" {
  name            = "api"
  pfx_wo          = var.api_pfx
  pfx_password_wo = var.api_password
}

output "shop_expires" {
  value = gatewayd_certificate.shop.not_after
}
