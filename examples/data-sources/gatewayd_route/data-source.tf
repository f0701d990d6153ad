# Who gets what a customer asks for, headers included. The request comes in at the listener, whatever its port is.
data "gatewayd_route" "beta" {
  url         = "http://shop.example.com/cart?id=1"
  method      = "POST"
  headers     = ["X-Version: beta"]
  at_listener = gatewayd_listener.shop.name

  # Read behind the rules of this configuration.
  depends_on = [gatewayd_rule.shop, gatewayd_rule.beta]
}

data "gatewayd_route" "old" {
  url         = "http://shop.example.com/old/cart"
  at_listener = gatewayd_listener.shop.name
  depends_on  = [gatewayd_rule.shop, gatewayd_rule.old]
}

# Warnings at every plan and apply while it is otherwise, whoever changed it.
check "beta_is_for_those_who_ask" {
  assert {
    condition     = data.gatewayd_route.beta.pool == "beta" && data.gatewayd_route.beta.rule == "beta"
    error_message = "Rule ${data.gatewayd_route.beta.rule} takes it: ${data.gatewayd_route.beta.message}."
  }
}

check "old_addresses_lead_on" {
  assert {
    condition     = data.gatewayd_route.old.location == "https://shop.example.com/cart"
    error_message = "An old address gets ${data.gatewayd_route.old.action} to \"${data.gatewayd_route.old.location}\"."
  }
}
