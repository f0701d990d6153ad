# A rule between two objects: only the gateway sees both.

resource "gatewayd_probe" "web" {
  name              = "web"
  host_from_setting = true
}

resource "gatewayd_setting" "web" {
  name  = "web"
  probe = gatewayd_probe.web.name
}
