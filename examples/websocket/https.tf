# The same service over TLS, on a port of its own: https and wss. Pool, setting and probe are those of the clear port.
# The certificate is read from two files; when they hold another one, the next apply shows it to who comes then, and
# conversations that are open go on.

resource "gatewayd_certificate" "chat" {
  name            = "chat"
  certificate_pem = file(var.certificate)
  private_key_wo  = file(var.key)
}

resource "gatewayd_listener" "chat_tls" {
  name         = "chat-tls"
  port         = var.tls_port
  protocol     = "https"
  certificates = [gatewayd_certificate.chat.name]
}

resource "gatewayd_rule" "chat_tls" {
  name     = "chat-tls"
  listener = gatewayd_listener.chat_tls.name
  pool     = gatewayd_pool.chat.name
  setting  = gatewayd_setting.chat.name
}

variable "tls_port" {
  description = "Port that clients connect to over TLS."
  type        = number
  default     = 8443
}

variable "certificate" {
  description = "File with the certificate in PEM form, then the authorities between it and its root."
  type        = string
  default     = "cert.pem"
}

variable "key" {
  description = "File with its private key in PEM form."
  type        = string
  default     = "key.pem"
}

output "tls_url" {
  description = "Where a client on this machine connects over TLS."
  value       = "wss://127.0.0.1:${gatewayd_listener.chat_tls.port}/"
}
