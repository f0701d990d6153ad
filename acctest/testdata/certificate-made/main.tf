variable "certificate" { type = string }
variable "key" { type = string }

# Stands for a resource that makes a key and has it signed.
resource "terraform_data" "made" {
  input = { certificate = var.certificate, key = var.key }
}

resource "gatewayd_certificate" "made" {
  name            = "made"
  certificate_pem = terraform_data.made.output.certificate
  private_key_wo  = terraform_data.made.output.key
}
