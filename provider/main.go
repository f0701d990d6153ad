// Command terraform-provider-gatewayd is the Terraform provider of gatewayd. Terraform starts it; nobody else needs to.
package main

import (
	"flag"
	"log"

	"github.com/hashicorp/terraform-plugin-go/tfprotov6/tf6server"

	"github.com/gatewayd/terraform-provider-gatewayd/provider/plugin"
)

// version is set by the release build: -ldflags "-X main.version=1.2.3".
var version = "dev"

func main() {
	debug := flag.Bool("debug", false, "serve for a debugger, and print the TF_REATTACH_PROVIDERS that Terraform needs")
	flag.Parse()
	var options []tf6server.ServeOpt
	if *debug {
		options = append(options, tf6server.WithManagedDebug())
	}
	if err := tf6server.Serve(plugin.Address, plugin.Server(version), options...); err != nil {
		log.Fatal(err)
	}
}
