resource "gatewayd_setting" "web" {
  name = "web"
}
