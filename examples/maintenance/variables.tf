variable "port" {
  description = "Port that clients connect to."
  type        = number
  default     = 8080
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

variable "maintenance" {
  description = "Whether the page is shown."
  type        = bool
  default     = false
}

variable "message" {
  description = "What the page says, as HTML."
  type        = string
  default     = "We are back at noon."
}
