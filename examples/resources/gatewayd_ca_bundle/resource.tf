resource "gatewayd_ca_bundle" "partners" {
  name = "partners"

  # The old authority and the new one, until every certificate of the old one is replaced.
  pem = join("", [
    file("${path.module}/authority-2016.pem"),
    file("${path.module}/authority-2026.pem"),
  ])
}
