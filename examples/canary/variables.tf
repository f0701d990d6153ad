variable "port" {
  description = "Port that clients connect to."
  type        = number
  default     = 8080
}

variable "percent" {
  description = "How many of 100 requests go to the new version."
  type        = number
  default     = 5
}

variable "stable" {
  description = "The servers of the version that everybody has."
  type = map(object({
    address = string
    port    = number
  }))
  default = {
    one = { address = "127.0.0.1", port = 9001 }
  }
}

variable "canary" {
  description = "The servers of the new version."
  type = map(object({
    address = string
    port    = number
  }))
  default = {
    one = { address = "127.0.0.1", port = 9002 }
  }
}
