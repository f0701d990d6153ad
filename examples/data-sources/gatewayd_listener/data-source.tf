data "gatewayd_listener" "public" {
  name = "public"

  # Only because the listener is made by this very configuration.
  depends_on = [gatewayd_listener.public]
}

output "port" {
  value = data.gatewayd_listener.public.port
}
