package gatewaytest

import (
	"fmt"

	"github.com/gatewayd/terraform-provider-gatewayd/internal/certtest"
)

// SampleWord is a legal string of a grammar of internal/spec, by the name that a field's Format has. n makes samples
// differ. A grammar without a sample is a mistake of whoever added it.
func SampleWord(format string, n int) string {
	switch format {
	case "ip", "target_address":
		return fmt.Sprintf("127.0.0.%d", n)
	case "network":
		return fmt.Sprintf("10.%d.0.0/16", n)
	case "hostname":
		return fmt.Sprintf("*.h%d.example", n)
	case "cipher_suite":
		return []string{"TLS_ECDHE_RSA_WITH_AES_128_GCM_SHA256", "TLS_ECDHE_RSA_WITH_AES_256_GCM_SHA384"}[n%2]
	case "cookie_name":
		return fmt.Sprintf("cookie-%d", n)
	case "field_name":
		return fmt.Sprintf("X-Session-%d", n)
	case "method":
		return fmt.Sprintf("M%d", n)
	case "value":
		return fmt.Sprintf("value %d", n)
	case "pattern":
		return fmt.Sprintf("^v+%d$", n)
	case "redirect_url":
		return fmt.Sprintf("https://h%d.example/new?q=%%20", n)
	case "content_type":
		return fmt.Sprintf("text/x-%d; charset=utf-8", n)
	case "authority":
		return fmt.Sprintf("h%d.example:%d", n, 1000+n)
	case "origin":
		return fmt.Sprintf("https://*.app%d.example", n)
	case "server_name":
		return fmt.Sprintf("inner%d.example", n)
	case "request_path":
		return fmt.Sprintf("/p%d?q=%%20", n)
	case "path_prefix":
		return fmt.Sprintf("/p%d/", n)
	case "path_pattern":
		return fmt.Sprintf("/p%d/*", n)
	case "variable":
		return fmt.Sprintf("http_req_X-Session-%d", n)
	case "value_template":
		return fmt.Sprintf("x%d {var_host}", n)
	case "path_template":
		return fmt.Sprintf("/x%d{var_uri_path}", n)
	case "query_template":
		return fmt.Sprintf("x%d&{var_query_string}", n)
	case "certificates":
		return certtest.Sample(n).Certificate
	case "statuses":
		return fmt.Sprintf("2%02d-399", n)
	case "name", "":
		return fmt.Sprintf("x%d", n)
	}
	panic("gatewaytest: no sample of format " + format)
}

// SampleKey is a legal key of a map, by the name that a field's Keys has.
func SampleKey(keys string, n int) string {
	switch keys {
	case "name":
		return fmt.Sprintf("b.%d_c-d", n)
	case "field_name":
		return fmt.Sprintf("X.Key-%d", n)
	case "query_name":
		return fmt.Sprintf("q[\"%d\"] ü", n)
	case "error_status":
		return fmt.Sprint(500 + n%6)
	}
	panic("gatewaytest: no sample of a key " + keys)
}
