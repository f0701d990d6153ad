variable "port" {
  description = "Port that clients connect to."
  type        = number
  default     = 8080
}
