package plugin

import (
	"fmt"
	"os"
	"strconv"
	"strings"

	"github.com/hashicorp/terraform-plugin-framework/types"

	"github.com/gatewayd/terraform-provider-gatewayd/internal/client"
)

// A configuration is the provider block.
type configuration struct {
	Endpoints            types.List   `tfsdk:"endpoints"`
	Token                types.String `tfsdk:"token"`
	TokenFile            types.String `tfsdk:"token_file"`
	CAPEM                types.String `tfsdk:"ca_pem"`
	ClientCertificatePEM types.String `tfsdk:"client_certificate_pem"`
	ClientKeyPEM         types.String `tfsdk:"client_key_pem"`
	WaitForDrain         types.Bool   `tfsdk:"wait_for_drain"`
}

// client completes the block with the environment. The block wins; a token in it leaves the environment's file aside,
// and the other way round.
func (c configuration) client(userAgent string) client.Config {
	out := client.Config{
		Endpoints:            c.endpoints(),
		Token:                c.Token.ValueString(),
		TokenFile:            c.TokenFile.ValueString(),
		CAPEM:                either(c.CAPEM, "ca_pem"),
		ClientCertificatePEM: either(c.ClientCertificatePEM, "client_certificate_pem"),
		ClientKeyPEM:         either(c.ClientKeyPEM, "client_key_pem"),
		UserAgent:            userAgent,
	}
	if out.Token == "" && out.TokenFile == "" {
		out.Token, out.TokenFile = fromEnvironment("token"), fromEnvironment("token_file")
	}
	return out
}

// waits is wait_for_drain, of the block or else of the environment.
func (c configuration) waits() (bool, error) {
	if !c.WaitForDrain.IsNull() {
		return c.WaitForDrain.ValueBool(), nil
	}
	word := fromEnvironment("wait_for_drain")
	if word == "" {
		return true, nil
	}
	waits, err := strconv.ParseBool(word)
	if err != nil {
		return false, fmt.Errorf("the environment has GATEWAYD_WAIT_FOR_DRAIN=%s, which must be true or false", word)
	}
	return waits, nil
}

func (c configuration) endpoints() []string {
	var list []string
	for _, e := range c.Endpoints.Elements() {
		if s, ok := e.(types.String); ok {
			list = append(list, s.ValueString())
		}
	}
	if len(list) > 0 {
		return list
	}
	for _, e := range strings.Split(fromEnvironment("endpoints"), ",") {
		if e = strings.TrimSpace(e); e != "" {
			list = append(list, e)
		}
	}
	return list
}

func either(value types.String, name string) string {
	if s := value.ValueString(); s != "" {
		return s
	}
	return fromEnvironment(name)
}

// fromEnvironment is the value of an argument's variable.
func fromEnvironment(argument string) string {
	return os.Getenv("GATEWAYD_" + strings.ToUpper(argument))
}

func upper(s string) string {
	if s == "" {
		return s
	}
	return strings.ToUpper(s[:1]) + s[1:]
}
