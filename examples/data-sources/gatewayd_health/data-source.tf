data "gatewayd_health" "now" {}

# A warning at every plan and apply while a target is down.
check "targets_are_healthy" {
  assert {
    condition = alltrue(flatten([
      for pool in data.gatewayd_health.now.pools : [
        for setting in pool.settings : [
          for target in setting.targets : target.state != "unhealthy"
        ]
      ]
    ]))
    error_message = "At least one target is down; see gatewayd health."
  }
}
