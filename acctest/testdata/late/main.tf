# Where the gateway is becomes known only while this is applied.

terraform {
  required_providers {
    gatewayd = {
      source = "gatewayd/gatewayd"
    }
  }
}

variable "endpoint" { type = string }
variable "token" { type = string }
variable "port" { type = number }

resource "terraform_data" "machine" {
  input = { endpoint = var.endpoint, token = var.token }
}

provider "gatewayd" {
  endpoints = [terraform_data.machine.output.endpoint]
  token     = terraform_data.machine.output.token
}

resource "gatewayd_listener" "web" {
  name    = "web"
  address = "127.0.0.1"
  port    = var.port
}

resource "gatewayd_pool" "web" {
  name = "web"
}

resource "gatewayd_setting" "web" {
  name = "web"
}

resource "gatewayd_rule" "web" {
  name     = "web"
  listener = gatewayd_listener.web.name
  pool     = gatewayd_pool.web.name
  setting  = gatewayd_setting.web.name
}
