resource "gatewayd_ca_bundle" "partners" {
  name = "partners"
  pem  = file("${path.module}/authority.pem")
}
