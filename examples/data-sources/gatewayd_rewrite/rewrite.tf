resource "gatewayd_rewrite" "web" {
  name  = "web"
  steps = [{ response_headers = { "Server" = { delete = true } } }]
}
