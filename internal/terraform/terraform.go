// Package terraform finds the Terraform command line for the demo, the acceptance tests and the make targets, and
// installs it where there is none. It runs nothing itself; the product never calls it.
package terraform

import (
	"context"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strings"

	"github.com/hashicorp/go-version"
	"github.com/hashicorp/hc-install/product"
	"github.com/hashicorp/hc-install/releases"
)

// installed is the version that is installed where there is none. The provider works with 1.11 and newer.
const installed = "1.14.9"

// Find returns the path of a terraform binary: the one that TF_ACC_TERRAFORM_PATH names, else the one on PATH, else one
// of an earlier call, else one that it installs from releases.hashicorp.com into the user's cache, which may take a
// minute. The error says what to do by hand.
func Find(ctx context.Context) (string, error) {
	if named := os.Getenv("TF_ACC_TERRAFORM_PATH"); named != "" {
		path, err := exec.LookPath(named)
		if err != nil {
			return "", fmt.Errorf("TF_ACC_TERRAFORM_PATH: %w", err)
		}
		return filepath.Abs(path)
	}
	if path, err := exec.LookPath("terraform"); err == nil {
		return filepath.Abs(path)
	}
	return install(ctx)
}

func install(ctx context.Context) (string, error) {
	cache, err := os.UserCacheDir()
	if err != nil {
		return "", advice(err)
	}
	dir := filepath.Join(cache, "terraform-provider-gatewayd", "terraform-"+installed)
	path := filepath.Join(dir, product.Terraform.BinaryName())
	if _, err := exec.LookPath(path); err == nil {
		return path, nil
	}
	if err := os.MkdirAll(dir, 0o755); err != nil {
		return "", advice(err)
	}
	fmt.Fprintf(os.Stderr, "There is no terraform on this machine; installing %s into %s.\n", installed, dir)
	release := &releases.ExactVersion{Product: product.Terraform, Version: version.Must(version.NewVersion(installed)), InstallDir: dir}
	path, err = release.Install(ctx)
	if err != nil {
		return "", advice(err)
	}
	return path, nil
}

// advice wraps why there is no terraform with what to do about it.
func advice(err error) error {
	return errors.Join(
		errors.New("there is no terraform on this machine, and it could not be installed; install version 1.11 or newer "+
			"(https://developer.hashicorp.com/terraform/install) so that it is on PATH, or name it with TF_ACC_TERRAFORM_PATH"),
		err)
}

// Environment is this process's environment without the user's Terraform settings: no CLI configuration but the file
// given (empty for none), no default arguments, no log, no questions, no calls home.
func Environment(cliConfig string) []string {
	if cliConfig == "" {
		cliConfig = os.DevNull
	}
	var env []string
	for _, v := range os.Environ() {
		name, _, _ := strings.Cut(v, "=")
		if !strings.HasPrefix(name, "TF_") && !strings.HasPrefix(name, "GATEWAYD_") {
			env = append(env, v)
		}
	}
	return append(env, "TF_CLI_CONFIG_FILE="+cliConfig, "TF_IN_AUTOMATION=1", "TF_INPUT=0", "CHECKPOINT_DISABLE=1")
}
