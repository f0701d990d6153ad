data "gatewayd_certificate" "shop" {
  name = "shop"

  # Only because the certificate is made by this very configuration.
  depends_on = [gatewayd_certificate.shop]
}

output "names" {
  value = data.gatewayd_certificate.shop.names
}
