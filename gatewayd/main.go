// Command gatewayd is an application gateway: an HTTP and WebSocket proxy with health probes, configured through an
// admin API, usually by Terraform.
package main

import (
	"os"

	"github.com/gatewayd/terraform-provider-gatewayd/gatewayd/cli"
)

// version is set at build time: -ldflags "-X main.version=1.2.3".
var version = "dev"

func main() {
	os.Exit(cli.Run(version, os.Args[1:], os.Stdout, os.Stderr))
}
