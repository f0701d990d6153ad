# A member can be in a pool once. What is wrong is added by variables.

variable "in_map" { type = bool }
variable "targets" { type = map(number) }

resource "gatewayd_pool" "web" {
  name = "web"
  targets = merge(
    { a = { address = "10.0.0.1", port = 80 } },
    var.in_map ? { b = { address = "10.0.0.1", port = 81 } } : {},
  )
}

resource "gatewayd_target" "web" {
  for_each = var.targets

  name    = each.key
  pool    = gatewayd_pool.web.name
  address = "10.0.0.1"
  port    = each.value
}
