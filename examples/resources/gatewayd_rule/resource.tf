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

# Reading /files is for anybody. Everything else that is done to them goes to machines of their own: with equal hosts and
# paths, a rule with more conditions comes first.
resource "gatewayd_rule" "read" {
  name     = "read"
  listener = gatewayd_listener.public.name
  pool     = gatewayd_pool.web.name
  setting  = gatewayd_setting.web.name

  match = {
    paths   = ["/files/*"]
    methods = ["GET", "HEAD"]
  }
}

resource "gatewayd_rule" "write" {
  name     = "write"
  listener = gatewayd_listener.public.name
  pool     = gatewayd_pool.chat.name
  setting  = gatewayd_setting.web.name

  match = {
    paths = ["/files/*"]
  }
}

# Who asks for the next version gets it, by a header or by a parameter of the query: one rule each, since the conditions of
# one rule must all hold.
resource "gatewayd_rule" "next_by_header" {
  name     = "next-by-header"
  listener = gatewayd_listener.public.name
  pool     = gatewayd_pool.chat.name
  setting  = gatewayd_setting.web.name

  match = {
    headers = {
      X-Version  = { equals = ["next", "beta"] }
      User-Agent = { pattern = "(?i)firefox|chrome" }
      X-Opt-Out  = { absent = true }
    }
  }
}

resource "gatewayd_rule" "next_by_query" {
  name     = "next-by-query"
  listener = gatewayd_listener.public.name
  pool     = gatewayd_pool.chat.name
  setting  = gatewayd_setting.web.name

  match = {
    query = {
      version = { prefix = "next" }
    }
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

# The gateway answers by itself: a page for the time of maintenance. Nothing is sent to a pool.
resource "gatewayd_rule" "maintenance" {
  name     = "maintenance"
  listener = gatewayd_listener.public.name

  match = {
    hostnames = ["shop.example.com"]
  }

  respond = {
    status       = 503
    content_type = "text/html; charset=utf-8"
    body         = "<!doctype html><title>Back soon</title><p>We are back at noon."
  }
}

# A canary: one request in twenty goes to the new version.
resource "gatewayd_rule" "canary" {
  name     = "canary"
  listener = gatewayd_listener.public.name

  match = {
    hostnames = ["canary.example.com"]
  }

  split = {
    stable = { pool = gatewayd_pool.web.name, setting = gatewayd_setting.web.name, weight = 19 }
    canary = { pool = gatewayd_pool.chat.name, setting = gatewayd_setting.web.name, weight = 1 }
  }
}

# Clients are sent elsewhere, to the same path there.
resource "gatewayd_rule" "moved" {
  name     = "moved"
  listener = gatewayd_listener.public.name

  match = {
    hostnames = ["old.example.com"]
  }

  redirect = {
    status        = 308
    url           = "https://www.example.com"
    include_path  = true
    include_query = true
  }
}

# Or to the root of another listener, under its host name.
resource "gatewayd_rule" "door" {
  name     = "door"
  listener = gatewayd_listener.public.name

  match = {
    hostnames = ["door.example.com"]
  }

  redirect = {
    status   = 302
    listener = gatewayd_listener.other.name
  }
}
