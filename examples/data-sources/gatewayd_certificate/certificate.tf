resource "gatewayd_certificate" "shop" {
  name            = "shop"
  certificate_pem = var.shop_certificate
  private_key_wo  = var.shop_key
}
