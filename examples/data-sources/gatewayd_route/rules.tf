variable "port" {
  description = "Port that clients connect to."
  type        = number
  default     = 8080
}

resource "gatewayd_listener" "shop" {
  name = "shop"
  port = var.port
}

resource "gatewayd_pool" "shop" {
  name    = "shop"
  targets = { a = { address = "10.0.0.5" } }
}

resource "gatewayd_pool" "beta" {
  name    = "beta"
  targets = { a = { address = "10.0.0.6" } }
}

resource "gatewayd_setting" "shop" {
  name = "shop"
}

resource "gatewayd_rule" "shop" {
  name     = "shop"
  listener = gatewayd_listener.shop.name
  pool     = gatewayd_pool.shop.name
  setting  = gatewayd_setting.shop.name
}

resource "gatewayd_rule" "beta" {
  name     = "beta"
  listener = gatewayd_listener.shop.name
  match    = { headers = { X-Version = { equals = ["beta"] } } }
  pool     = gatewayd_pool.beta.name
  setting  = gatewayd_setting.shop.name
}

resource "gatewayd_rule" "old" {
  name     = "old"
  listener = gatewayd_listener.shop.name
  match    = { paths = ["/old/cart"] }
  redirect = { status = 308, url = "https://shop.example.com/cart" }
}
