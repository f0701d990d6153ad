resource "gatewayd_probe" "web" {
  name     = "web"
  path     = "/health"
  interval = "5s"
  timeout  = "2s"

  unhealthy_threshold = 2
  healthy_threshold   = 2

  match = {
    statuses = ["200-299"]
    body     = "ok"
  }
}
