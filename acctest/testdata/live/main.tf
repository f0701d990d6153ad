variable "port" { type = number }
variable "secure" { type = number }
variable "blue" { type = number }
variable "green" { type = number }
variable "n" { type = number }
variable "authority" { type = string }
variable "key" {
  type      = string
  ephemeral = true
}

# In use, but for the authority, which no listener names.

resource "gatewayd_listener" "chat" {
  name    = "chat"
  address = "127.0.0.1"
  port    = var.port
}

resource "gatewayd_listener" "secure" {
  name         = "secure"
  address      = "127.0.0.1"
  port         = var.secure
  protocol     = "https"
  certificates = [gatewayd_certificate.chat.name]
}

resource "gatewayd_pool" "chat" {
  name = "chat"
  targets = {
    blue = { address = "127.0.0.1", port = var.blue }
  }
}

resource "gatewayd_target" "chat" {
  name    = "chat"
  pool    = gatewayd_pool.chat.name
  address = "127.0.0.1"
  port    = var.green
}

resource "gatewayd_setting" "chat" {
  name          = "chat"
  probe         = gatewayd_probe.chat.name
  drain_timeout = "1s"
}

resource "gatewayd_probe" "chat" {
  name     = "chat"
  path     = "/health"
  interval = "1s"
}

resource "gatewayd_rule" "chat" {
  name     = "chat"
  listener = gatewayd_listener.chat.name
  pool     = gatewayd_pool.chat.name
  setting  = gatewayd_setting.chat.name
  rewrite  = gatewayd_rewrite.chat.name
}

resource "gatewayd_rewrite" "chat" {
  name  = "chat"
  steps = [{ request_headers = { "X-Chat" = { value = "{var_http_method}" } } }]
}

resource "gatewayd_certificate" "chat" {
  name            = "chat"
  certificate_pem = var.authority
  private_key_wo  = var.key
}

resource "gatewayd_ca_bundle" "chat" {
  name = "chat"
  pem  = var.authority
}

# Not in use, and other at every apply: new names, new content, some come and some go.

resource "gatewayd_listener" "other" {
  name      = "other-${var.n}"
  address   = "127.0.0.1"
  port      = var.port
  hostnames = ["other-${var.n}.example"]
}

resource "gatewayd_pool" "other" {
  count   = 1 + var.n % 3
  name    = "other-${count.index}"
  targets = { a = { address = "127.0.0.${var.n + 1}", port = 9 } }
}

resource "gatewayd_probe" "other" {
  name     = "other"
  interval = "${var.n + 1}h"
}

resource "gatewayd_setting" "other" {
  name    = "other"
  probe   = gatewayd_probe.other.name
  retries = var.n
}

resource "gatewayd_rule" "other" {
  count    = 3 - var.n % 3
  name     = "other-${count.index}"
  listener = gatewayd_listener.other.name
  priority = var.n + count.index + 1
  match    = { paths = ["/${count.index}/*"] }
  pool     = gatewayd_pool.other[0].name
  setting  = gatewayd_setting.other.name
}

# On the listener that is in use.
resource "gatewayd_rule" "beside" {
  name     = "beside"
  listener = gatewayd_listener.chat.name
  priority = var.n + 1
  match    = { paths = ["/beside/${var.n}"] }
  pool     = gatewayd_pool.other[0].name
  setting  = gatewayd_setting.other.name
}
