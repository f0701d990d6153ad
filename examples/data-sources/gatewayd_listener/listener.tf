resource "gatewayd_listener" "public" {
  name = "public"
  port = var.port
}
