variable "taken" { type = number }

resource "gatewayd_listener" "web" {
  name    = "web"
  address = "127.0.0.1"
  port    = var.taken
}

resource "gatewayd_setting" "web" {
  name             = "web"
  source_addresses = ["192.0.2.1"]
}
