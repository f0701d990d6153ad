// Command cmd runs the Terraform that package terraform finds, apart from the user's settings, with the arguments given;
// -which prints its path instead. The make targets call it.
package main

import (
	"context"
	"errors"
	"fmt"
	"os"
	"os/exec"

	"github.com/gatewayd/terraform-provider-gatewayd/internal/terraform"
)

func main() {
	path, err := terraform.Find(context.Background())
	if err != nil {
		fmt.Fprintln(os.Stderr, err)
		os.Exit(1)
	}
	if len(os.Args) == 2 && os.Args[1] == "-which" {
		fmt.Println(path)
		return
	}
	c := exec.Command(path, os.Args[1:]...)
	c.Env, c.Stdin, c.Stdout, c.Stderr = terraform.Environment(""), os.Stdin, os.Stdout, os.Stderr
	err = c.Run()
	var exit *exec.ExitError
	switch {
	case errors.As(err, &exit):
		os.Exit(exit.ExitCode())
	case err != nil:
		fmt.Fprintln(os.Stderr, err)
		os.Exit(1)
	}
}
