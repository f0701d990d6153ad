package terraform

import (
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
)

func TestFindPrefersTheOneNamed(t *testing.T) {
	dir := t.TempDir()
	for _, name := range []string{"terraform", "other"} {
		if err := os.WriteFile(filepath.Join(dir, name), []byte("#!/bin/sh\n"), 0o755); err != nil {
			t.Fatal(err)
		}
	}
	t.Setenv("PATH", dir)
	for named, want := range map[string]string{"": "terraform", filepath.Join(dir, "other"): "other"} {
		t.Setenv("TF_ACC_TERRAFORM_PATH", named)
		if got, err := Find(t.Context()); got != filepath.Join(dir, want) || err != nil {
			t.Errorf("named %q: want %s, got %q and %v", named, want, got, err)
		}
	}
	t.Setenv("TF_ACC_TERRAFORM_PATH", filepath.Join(dir, "missing"))
	if got, err := Find(t.Context()); err == nil || !strings.Contains(err.Error(), "TF_ACC_TERRAFORM_PATH") {
		t.Errorf("want an error about TF_ACC_TERRAFORM_PATH, got %q and %v", got, err)
	}
}

func TestFindTakesAnEarlierInstallation(t *testing.T) {
	cache := t.TempDir()
	t.Setenv("XDG_CACHE_HOME", cache)
	t.Setenv("PATH", t.TempDir())
	t.Setenv("TF_ACC_TERRAFORM_PATH", "")
	want := filepath.Join(cache, "terraform-provider-gatewayd", "terraform-"+installed, "terraform")
	if err := os.MkdirAll(filepath.Dir(want), 0o755); err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(want, []byte("#!/bin/sh\n"), 0o755); err != nil {
		t.Fatal(err)
	}
	if got, err := Find(t.Context()); got != want || err != nil {
		t.Errorf("want %s, got %q and %v", want, got, err)
	}
}

func TestEnvironmentIsApartFromTheUsers(t *testing.T) {
	t.Setenv("TF_LOG", "trace")
	t.Setenv("TF_CLI_ARGS", "-x")
	t.Setenv("GATEWAYD_TOKEN", "of another gateway")
	env := Environment("/a/file")
	for _, v := range env {
		if strings.HasPrefix(v, "TF_LOG=") || strings.HasPrefix(v, "TF_CLI_ARGS") || strings.HasPrefix(v, "GATEWAYD_") {
			t.Errorf("%s is still there", v)
		}
	}
	if !slices.Contains(env, "TF_CLI_CONFIG_FILE=/a/file") || !slices.Contains(Environment(""), "TF_CLI_CONFIG_FILE=/dev/null") {
		t.Errorf("the CLI configuration is not the one given: %v", env)
	}
}
