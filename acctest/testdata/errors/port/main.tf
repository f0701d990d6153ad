variable "taken" { type = number }

resource "gatewayd_listener" "web" {
  name    = "web"
  address = "127.0.0.1"
  port    = var.taken
}
