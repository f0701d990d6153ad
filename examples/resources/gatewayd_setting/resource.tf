resource "gatewayd_setting" "web" {
  name  = "web"
  port  = 8080
  probe = gatewayd_probe.web.name

  connect_timeout = "2s"
  request_timeout = "1m"
  drain_timeout   = "5m"

  host_from_target = true

  keep_alive = {
    idle_timeout = "30s"
    max_idle     = 128
  }
}

resource "gatewayd_probe" "web" {
  name              = "web"
  path              = "/health"
  host_from_setting = true
}
