# What the rules name.

resource "gatewayd_listener" "public" {
  name = "public"
  port = var.port
}

resource "gatewayd_pool" "web" {
  name    = "web"
  targets = { a = { address = "10.0.0.5" } }
}

resource "gatewayd_pool" "chat" {
  name    = "chat"
  targets = { a = { address = "10.0.0.7" } }
}

resource "gatewayd_setting" "web" {
  name = "web"
}

resource "gatewayd_listener" "other" {
  name      = "other"
  port      = var.port
  hostnames = ["new.example.com"]
}
