variable "port" { type = number }
variable "secure" { type = number }
variable "blue" { type = number }
variable "green" { type = number }
variable "n" { type = number }
variable "enrolled" { type = bool }
variable "authority" { type = string }
variable "certificate" { type = string }
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

# Its name is another one at every apply, and so are those of its rule, pool and setting.
resource "gatewayd_listener" "secure" {
  name         = "secure-${var.n}"
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
  count   = var.enrolled ? 1 : 0
  name    = "chat"
  pool    = gatewayd_pool.chat.name
  address = "127.0.0.1"
  port    = var.green
}

resource "gatewayd_setting" "chat" {
  name          = "chat"
  probe         = gatewayd_probe.chat.name
  drain_timeout = "10s"
  close_spread  = "10s"
}

resource "gatewayd_probe" "chat" {
  name     = "chat"
  path     = "/health?n=${var.n}"
  interval = "${1 + var.n % 2}s"
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

resource "gatewayd_rule" "secure" {
  name     = "secure-${var.n}"
  listener = gatewayd_listener.secure.name
  pool     = gatewayd_pool.secure.name
  setting  = gatewayd_setting.secure.name
}

resource "gatewayd_pool" "secure" {
  name = "secure-${var.n}"
  targets = {
    blue = { address = "127.0.0.1", port = var.blue }
  }
}

resource "gatewayd_setting" "secure" {
  name          = "secure-${var.n}"
  probe         = gatewayd_probe.chat.name
  drain_timeout = "0s"
}

# It is renewed at every apply.
resource "gatewayd_certificate" "chat" {
  name            = "chat"
  certificate_pem = var.certificate
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
