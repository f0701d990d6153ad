variable "own_addresses" {
  description = "Addresses of the machine that the gateway runs on."
  type        = set(string)
  default     = ["127.0.0.2", "127.0.0.3"]
}

variable "internal_authorities" {
  description = "As file(\"authorities.pem\") gives it."
  type        = string
}

variable "gateway_certificate" {
  description = "As file(\"gateway.pem\") gives it."
  type        = string
}

variable "gateway_key" {
  description = "As file(\"gateway.key\") gives it, or an ephemeral resource of a secret store."
  type        = string
  ephemeral   = true
}
