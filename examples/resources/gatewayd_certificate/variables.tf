variable "shop_certificate" {
  description = "As file(\"shop.pem\") gives it."
  type        = string
}

variable "shop_key" {
  description = "As file(\"shop.key\") gives it, or an ephemeral resource of a secret store."
  type        = string
  ephemeral   = true
}

variable "api_pfx" {
  description = "As filebase64(\"api.pfx\") gives it."
  type        = string
  ephemeral   = true
}

variable "api_password" {
  type      = string
  ephemeral = true
}
