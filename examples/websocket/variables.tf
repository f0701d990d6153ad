variable "port" {
  description = "Port that clients connect to."
  type        = number
  default     = 8080
}

variable "targets" {
  description = "The WebSocket servers. They answer GET /health with a status below 400 while they are well."
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
  description = "How long conversations with a server that is taken out may go on."
  type        = string
  default     = "5m"
}
