# The targets of the shop live below /v2, believe who the client is, and say less about themselves.
resource "gatewayd_rewrite" "shop" {
  name = "shop"

  steps = [
    # /shop/cart?id=7 becomes /v2/cart?from=shop&id=7.
    {
      when = [{ variable = "var_uri_path", pattern = "^/shop/(.*)$" }]
      url = {
        path  = "/v2/{var_uri_path_1}"
        query = "from=shop&{var_query_string}"
      }
    },
    {
      request_headers = {
        "X-Client"     = { value = "{var_client_ip}" }
        "X-Debug-Mode" = { delete = true }
      }
      response_headers = {
        "Server"                    = { delete = true }
        "Strict-Transport-Security" = { value = "max-age=31536000" }
        # Of several cookies, only the session's.
        "Set-Cookie" = {
          match = { pattern = "^session=" }
          value = "{http_resp_Set-Cookie}; HttpOnly"
        }
      }
    },
    # Errors are not to be kept.
    {
      when             = [{ variable = "var_http_status", pattern = "^5" }]
      response_headers = { "Cache-Control" = { value = "no-store" } }
    },
  ]
}

# Requests that ask for the trial choose their rule anew, as if they had asked for /trial/...
resource "gatewayd_rewrite" "trial" {
  name = "trial"

  steps = [
    {
      when = [
        { variable = "var_query_string", pattern = "(^|&)trial=1(&|$)" },
        { variable = "var_uri_path", pattern = "^/trial/", negate = true },
      ]
      url = { path = "/trial{var_uri_path}", reroute = true }
    },
  ]
}

resource "gatewayd_rule" "shop" {
  name     = "shop"
  listener = gatewayd_listener.public.name
  pool     = gatewayd_pool.web.name
  setting  = gatewayd_setting.web.name
  rewrite  = gatewayd_rewrite.shop.name

  match = { paths = ["/shop/*"] }
}
