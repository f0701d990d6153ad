# Everything that no other rule takes.
resource "gatewayd_rule" "web" {
  name     = "web"
  listener = gatewayd_listener.public.name
  pool     = gatewayd_pool.web.name
  setting  = gatewayd_setting.web.name
}

# WebSockets and requests below /chat go to machines of their own: the more specific match wins, without priorities.
resource "gatewayd_rule" "chat" {
  name     = "chat"
  listener = gatewayd_listener.public.name
  pool     = gatewayd_pool.chat.name
  setting  = gatewayd_setting.web.name

  match = {
    hostnames = ["www.example.com", "*.example.com"]
    paths     = ["/chat", "/chat/*"]
  }
}

# A rule with a priority is tried before those without.
resource "gatewayd_rule" "trial" {
  name     = "trial"
  listener = gatewayd_listener.public.name
  priority = 100
  pool     = gatewayd_pool.chat.name
  setting  = gatewayd_setting.web.name

  match = {
    hostnames = ["trial.example.com"]
  }
}
