resource "terraform_data" "later" {
  input = "127.0.0.1"
}

resource "gatewayd_pool" "web" {
  name = "web"
  targets = {
    a = { address = terraform_data.later.output }
    b = { address = "127.0.0.1", port = 70000 }
    c = { address = "10.0.0.300", weight = 1001 }
  }
}

resource "gatewayd_setting" "web" {
  name             = "web"
  host             = "www.example.com"
  host_from_target = terraform_data.later.output == "127.0.0.1"
  connect_timeout  = "5 seconds"
}

resource "gatewayd_rewrite" "web" {
  name = "web"
  steps = [
    {
      when            = [{ variable = "var_uri_path", pattern = "^/old/(.*)$" }]
      request_headers = { "X-Rest" = { value = "{var_uri_path_2}" }, "Connection" = { delete = true } }
    },
    {
      when = [{ variable = "var_uri_path", pattern = terraform_data.later.output }]
      url  = { path = "/{var_uri_path_9}", query = "{http_resp_Server}" }
    },
  ]
}
