variable "door_port" {
  description = "Port that leads to the other."
  type        = number
  default     = 8080
}

variable "port" {
  description = "Port that the shop is at."
  type        = number
  default     = 8443
}

variable "targets" {
  description = "The servers of the shop."
  type = map(object({
    address = string
    port    = number
  }))
  default = {
    one = { address = "127.0.0.1", port = 9001 }
  }
}
