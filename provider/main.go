// Command terraform-provider-gatewayd is the Terraform provider of gatewayd. Terraform starts it; nobody else needs to.
package main

import (
	"context"
	"flag"
	"log"

	"github.com/hashicorp/terraform-plugin-framework/providerserver"

	"github.com/gatewayd/terraform-provider-gatewayd/provider/plugin"
)

// version is set by the release build: -ldflags "-X main.version=1.2.3".
var version = "dev"

func main() {
	debug := flag.Bool("debug", false, "serve for a debugger, and print the TF_REATTACH_PROVIDERS that Terraform needs")
	flag.Parse()
	err := providerserver.Serve(context.Background(), plugin.New(version), providerserver.ServeOpts{Address: plugin.Address, Debug: *debug})
	if err != nil {
		log.Fatal(err)
	}
}
