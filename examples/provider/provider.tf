terraform {
  required_providers {
    gatewayd = {
      source = "gatewayd/gatewayd"
    }
  }
}

provider "gatewayd" {
  # Each argument has an environment variable, so that one configuration serves many gateways:
  # endpoints  = ["http://127.0.0.1:9180"]       # GATEWAYD_ENDPOINTS
  # token_file = "/var/lib/gatewayd/admin.token" # GATEWAYD_TOKEN_FILE

  # Whether a write that removes a target returns only when nothing is open on it any more. That is the default.
  # wait_for_drain = true # GATEWAYD_WAIT_FOR_DRAIN
}
