variable "port" {
  description = "Port that clients connect to."
  type        = number
  default     = 8080
}

variable "machines" {
  description = "The machines by name. Take one out, or change its address, and apply."
  type = map(object({
    address = string
    port    = number
  }))
  default = {
    one = { address = "127.0.0.1", port = 9001 }
    two = { address = "127.0.0.1", port = 9002 }
  }
}

variable "drain_timeout" {
  description = "How long conversations on a machine that leaves may go on."
  type        = string
  default     = "5m"
}
