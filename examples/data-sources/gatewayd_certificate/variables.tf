variable "shop_certificate" { type = string }

variable "shop_key" {
  type      = string
  ephemeral = true
}
