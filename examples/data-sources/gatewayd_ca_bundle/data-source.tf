data "gatewayd_ca_bundle" "partners" {
  name = "partners"

  # Only because the bundle is made by this very configuration.
  depends_on = [gatewayd_ca_bundle.partners]
}

output "pem" {
  value = data.gatewayd_ca_bundle.partners.pem
}
