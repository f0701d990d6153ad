# What the rule names beside the rewrite.

resource "gatewayd_listener" "public" {
  name = "public"
  port = var.port
}

resource "gatewayd_pool" "web" {
  name    = "web"
  targets = { a = { address = "10.0.0.5" } }
}

resource "gatewayd_setting" "web" {
  name = "web"
}
