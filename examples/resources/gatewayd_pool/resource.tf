# The keys are yours; a change of one target shows as a change of that one in the plan.
resource "gatewayd_pool" "web" {
  name = "web"

  targets = {
    old = { address = "10.0.0.5" }
    new = { address = "10.0.0.6", port = 8081, weight = 3 }
  }
}

# An empty pool is legal: its requests are answered 502 until a target joins.
resource "gatewayd_pool" "empty" {
  name = "empty"
}
