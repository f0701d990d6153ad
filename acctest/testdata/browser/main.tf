variable "port" { type = number }
variable "target" { type = number }
variable "certificate" { type = string }
variable "key" {
  type      = string
  ephemeral = true
}

resource "gatewayd_certificate" "chat" {
  name            = "chat"
  certificate_pem = var.certificate
  private_key_wo  = var.key
}

resource "gatewayd_listener" "chat" {
  name         = "chat"
  address      = "127.0.0.1"
  port         = var.port
  protocol     = "https"
  hostnames    = ["chat.example"]
  certificates = [gatewayd_certificate.chat.name]
}

resource "gatewayd_pool" "chat" {
  name    = "chat"
  targets = { page = { address = "127.0.0.1", port = var.target } }
}

resource "gatewayd_setting" "chat" { name = "chat" }

resource "gatewayd_rule" "chat" {
  name     = "chat"
  listener = gatewayd_listener.chat.name
  pool     = gatewayd_pool.chat.name
  setting  = gatewayd_setting.chat.name
}
