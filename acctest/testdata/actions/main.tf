variable "port" { type = number }
variable "other" { type = number }
variable "blue" { type = number }
variable "green" { type = number }
variable "action" { type = string }
variable "names" { type = map(string) }
variable "green_is_there" { type = bool }

resource "gatewayd_listener" "web" {
  name    = "web"
  address = "127.0.0.1"
  port    = var.port
}

resource "gatewayd_listener" "other" {
  name    = var.names.listener
  address = "127.0.0.1"
  port    = var.other
}

resource "gatewayd_pool" "blue" {
  name    = "blue"
  targets = { a = { address = "127.0.0.1", port = var.blue } }
}

resource "gatewayd_pool" "green" {
  count   = var.green_is_there ? 1 : 0
  name    = var.names.pool
  targets = { a = { address = "127.0.0.1", port = var.green } }
}

resource "gatewayd_setting" "web" {
  name          = var.names.setting
  drain_timeout = "10m"
}

resource "gatewayd_rewrite" "shop" {
  name = "shop"
  steps = [{
    request_headers  = { "X-Action" = { value = var.action } }
    response_headers = { "X-Rewritten" = { value = var.action } }
    }, {
    when = [{ variable = "var_uri_path", pattern = "^/shop/(.*)$" }]
    url  = { path = "/{var_uri_path_1}", query = "from=shop" }
  }]
}

# One rule, another action at every apply.
resource "gatewayd_rule" "shop" {
  name     = "shop"
  listener = gatewayd_listener.web.name
  pool     = var.action == "pool" ? gatewayd_pool.blue.name : null
  setting  = var.action == "pool" ? gatewayd_setting.web.name : null
  rewrite  = contains(["pool", "split"], var.action) ? gatewayd_rewrite.shop.name : null

  split = var.action != "split" ? null : {
    stable = { pool = gatewayd_pool.blue.name, setting = gatewayd_setting.web.name, weight = 0 }
    canary = { pool = one(gatewayd_pool.green[*].name), setting = gatewayd_setting.web.name }
  }

  redirect = var.action != "redirect" ? null : {
    status        = 308
    url           = "https://new.example/moved"
    include_path  = true
    include_query = true
  }

  respond = var.action != "respond" ? null : {
    status = 503
    body   = "closed"
  }
}

# What the gateway's own matcher says to it.
data "gatewayd_route" "shop" {
  url         = "http://web.example/shop/headers"
  at_listener = gatewayd_listener.web.name
  depends_on  = [gatewayd_rule.shop, gatewayd_rule.chat, gatewayd_rule.door]

  lifecycle {
    postcondition {
      condition     = self.rule == "shop" && self.action == var.action
      error_message = "Rule ${self.rule} does ${self.action}."
    }
  }
}

# Beside it: a rule whose WebSocket stays open, and one that leads to another listener.

resource "gatewayd_rule" "chat" {
  name     = "chat"
  listener = gatewayd_listener.web.name
  match    = { paths = ["/chat"] }
  pool     = gatewayd_pool.blue.name
  setting  = gatewayd_setting.web.name
}

resource "gatewayd_rule" "door" {
  name     = "door"
  listener = gatewayd_listener.web.name
  match    = { paths = ["/door"] }
  redirect = { status = 302, listener = gatewayd_listener.other.name, include_path = true }
}
