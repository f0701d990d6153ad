variable "port" {
  description = "Port that clients connect to."
  type        = number
  default     = 8443
}

variable "api_certificate" {
  description = "The certificate of the API in PEM form, with the authorities up to its root."
  type        = string
}

variable "api_key" {
  description = "Its private key in PEM form. It is kept in neither state nor plan."
  type        = string
  sensitive   = true
  ephemeral   = true
}

variable "partner_authorities" {
  description = "The authorities of partners' certificates in PEM form."
  type        = string
}

variable "servers" {
  description = "The servers of the API."
  type = map(object({
    address = string
    port    = number
  }))
  default = {
    one = { address = "127.0.0.1", port = 9001 }
  }
}
