variable "own_addresses" {
  description = "Addresses of the machine that the gateway runs on."
  type        = set(string)
  default     = ["127.0.0.2", "127.0.0.3"]
}
