// Package acctest holds the acceptance tests: real Terraform, this provider in the process of the tests, and whole
// gatewayds in it too, with real backends behind them and real clients in front.
//
// It shows that what a user does from configuration to traffic works, a promise a test. What a single field may be is
// tested over the protocol in provider/plugin, without a binary. Every directory of examples/ runs here.
//
// The binary is TF_ACC_TERRAFORM_PATH, else terraform, else tofu on PATH. With none the tests are skipped, or fail where
// CI is set.
package acctest

import (
	"encoding/json"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"

	"github.com/hashicorp/go-version"
)

// terraformVersion is that of the binary.
var terraformVersion *version.Version

// identities says that the binary knows resource identities.
func identities() bool {
	return terraformVersion.GreaterThanOrEqual(version.Must(version.NewVersion("1.12.0")))
}

func TestMain(m *testing.M) {
	code, err := run(m)
	if err != nil {
		fmt.Fprintln(os.Stderr, err)
	}
	os.Exit(code)
}

func run(m *testing.M) (int, error) {
	binary, err := findBinary()
	switch {
	case err != nil:
		return 1, err
	case binary == "" && os.Getenv("CI") != "":
		return 1, fmt.Errorf("no acceptance test ran: %s", noBinary)
	case binary == "":
		return 0, fmt.Errorf("acceptance tests are skipped: %s", noBinary)
	}
	if err := isolate(binary); err != nil {
		return 1, err
	}
	if terraformVersion, err = versionOf(binary); err != nil {
		return 1, err
	}
	fmt.Printf("acceptance tests run with %s %s\n", binary, terraformVersion)
	return m.Run(), nil
}

const noBinary = "there is neither terraform nor tofu on PATH, and TF_ACC_TERRAFORM_PATH names none"

// findBinary is empty where there is none.
func findBinary() (string, error) {
	if named := os.Getenv("TF_ACC_TERRAFORM_PATH"); named != "" {
		path, err := exec.LookPath(named)
		if err != nil {
			return "", fmt.Errorf("TF_ACC_TERRAFORM_PATH: %w", err)
		}
		return filepath.Abs(path)
	}
	for _, name := range []string{"terraform", "tofu"} {
		if path, err := exec.LookPath(name); err == nil {
			return filepath.Abs(path)
		}
	}
	return "", nil
}

// isolate keeps the user's own settings away from the tests: no CLI configuration, no arguments, no gateway.
func isolate(binary string) error {
	for _, v := range os.Environ() {
		name, _, _ := strings.Cut(v, "=")
		for _, prefix := range []string{"GATEWAYD_", "TF_CLI_", "TF_VAR_", "TF_DATA_DIR", "TF_WORKSPACE", "TF_REATTACH_PROVIDERS"} {
			if strings.HasPrefix(name, prefix) {
				if err := os.Unsetenv(name); err != nil {
					return err
				}
			}
		}
	}
	env := map[string]string{
		"TF_ACC": "1", "TF_ACC_TERRAFORM_PATH": binary, "TF_ACC_PROVIDER_NAMESPACE": "gatewayd",
		"TF_CLI_CONFIG_FILE": os.DevNull, "CHECKPOINT_DISABLE": "1",
	}
	if strings.Contains(filepath.Base(binary), "tofu") {
		// It looks for providers of plain sources in its own registry.
		env["TF_ACC_PROVIDER_HOST"] = "registry.opentofu.org"
	}
	for name, value := range env {
		if err := os.Setenv(name, value); err != nil {
			return err
		}
	}
	return nil
}

func versionOf(binary string) (*version.Version, error) {
	out, err := exec.Command(binary, "version", "-json").Output()
	if err != nil {
		return nil, fmt.Errorf("%s version: %w", binary, err)
	}
	var answer struct {
		Version string `json:"terraform_version"`
	}
	if err := json.Unmarshal(out, &answer); err != nil {
		return nil, fmt.Errorf("%s version: %w", binary, err)
	}
	return version.NewVersion(answer.Version)
}
