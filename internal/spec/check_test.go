package spec

import (
	"fmt"
	"strings"
	"testing"

	"github.com/gatewayd/terraform-provider-gatewayd/internal/certtest"
)

// TestCheckSaysWhereAndWhat: one wrong value in an object that is fine otherwise, and the one problem that it makes.
func TestCheckSaysWhereAndWhat(t *testing.T) {
	long := strings.Repeat("a", 81)
	for _, c := range []struct {
		kind  *Kind
		in    string // fields beside or in place of those of a valid object
		path  string
		words string
	}{
		{Listeners, `"name":""`, "name", "is required"},
		{Listeners, `"name":"-a"`, "name", "must start with a letter or digit"},
		{Listeners, `"name":"a b"`, "name", "must start with a letter or digit"},
		{Listeners, `"name":"ä"`, "name", "must start with a letter or digit"},
		{Listeners, `"name":"` + long + `"`, "name", "1 to 80 characters"},
		{Listeners, `"address":"localhost"`, "address", "must be an IP address"},
		{Listeners, `"address":"fe80::1%eth0"`, "address", "without a zone"},
		{Listeners, `"address":"::ffff:10.0.0.1"`, "address", "IPv4 address 10.0.0.1"},
		{Listeners, `"port":0`, "port", "must be 1 to 65535, not 0 or left out"},
		{Listeners, `"port":-1`, "port", "must be 1 to 65535, not -1"},
		{Listeners, `"port":65536`, "port", "must be 1 to 65535, not 65536"},
		{Listeners, `"hostnames":["a.example","a.example"]`, "hostnames", `"a.example" is given twice`},
		{Listeners, `"hostnames":["a","A"]`, "hostnames", `"A" is the same as "a"; upper and lower case are not told apart`},
		{Listeners, `"hostnames":["a..example"]`, "hostnames", `"a..example" must consist of labels`},
		{Listeners, `"hostnames":[""]`, "hostnames", "1 to 253 characters"},
		{Listeners, `"header_timeout":"soon"`, "header_timeout", `must be a duration such as "30s"`},
		{Listeners, `"header_timeout":""`, "header_timeout", "must be a duration"},
		{Listeners, `"header_timeout":"99ms"`, "header_timeout", "must be 100ms to 1h, not 99ms"},
		{Listeners, `"header_timeout":"61m"`, "header_timeout", "must be 100ms to 1h, not 61m"},
		{Listeners, `"body_timeout":"99ms"`, "body_timeout", "must be 100ms to 1h"},
		{Listeners, `"keep_alive_timeout":"25h"`, "keep_alive_timeout", "must be 1s to 24h"},
		{Listeners, `"keep_alive_timeout":"9999999999h"`, "keep_alive_timeout", "must be a duration"},
		{Listeners, `"keep_alive_timeout":"1.` + strings.Repeat("0", 30) + `s"`, "keep_alive_timeout", "must be at most 32 bytes long, not 33"},
		{Listeners, `"max_header_bytes":1023`, "max_header_bytes", "must be 1024 to 65536, not 1023"},
		{Listeners, `"max_header_bytes":65537`, "max_header_bytes", "must be 1024 to 65536, not 65537"},
		{Listeners, `"max_url_bytes":127`, "max_url_bytes", "must be 128 to 65536, not 127"},
		{Listeners, `"max_body_bytes":-1`, "max_body_bytes", "must be 0 to 1125899906842624, not -1"},
		{Listeners, `"max_connections":1000001`, "max_connections", "must be 0 to 1000000, not 1000001"},
		{Listeners, `"error_pages":{"599":{"body":"x"}}`, `error_pages["599"]`, "by itself: 400, 403, 404,"},
		{Listeners, `"error_pages":{"502":{}}`, `error_pages["502"].body`, "is required"},
		{Listeners, `"error_pages":{"502":{"body":""}}`, `error_pages["502"].body`, "is required"},
		{Listeners, `"error_pages":{"502":{"body":"` + strings.Repeat("x", 65537) + `"}}`, `error_pages["502"].body`, "1 to 65536 bytes long, not 65537"},
		{Listeners, `"error_pages":{"502":{"body":"x","content_type":"text/html\r\nX: y"}}`, `error_pages["502"].content_type`, "must be a media type"},
		{Listeners, `"error_pages":{"502":{"body":"x","content_type":"page"}}`, `error_pages["502"].content_type`, "must be a media type"},
		{Listeners, `"trusted_proxies":["10.0.0.0/8","lb.example"]`, "trusted_proxies", `"lb.example" must be a network such as 10.0.0.0/8`},
		{Listeners, `"trusted_proxies":["10.0.0.1/8"]`, "trusted_proxies", `"10.0.0.1/8" has bits behind its mask; write 10.0.0.0/8 for the network, or leave out the mask for the one address`},
		{Listeners, `"trusted_proxies":["2001:db8::1/32"]`, "trusted_proxies", "write 2001:db8::/32 for"},
		{Listeners, `"trusted_proxies":["::ffff:10.0.0.0/104"]`, "trusted_proxies", "must be written as the IPv4 network 10.0.0.0/8"},
		{Listeners, `"trusted_proxies":["::ffff:10.0.0.1/104"]`, "trusted_proxies", "write 10.0.0.0/8 for"},
		{Listeners, `"trusted_proxies":["::ffff:10.0.0.1"]`, "trusted_proxies", "must be written as the IPv4 address 10.0.0.1"},
		{Listeners, `"trusted_proxies":["fe80::1%eth0"]`, "trusted_proxies", "without a zone"},
		{Listeners, `"trusted_proxies":["10.0.0.1","10.0.0.1"]`, "trusted_proxies", `"10.0.0.1" is given twice`},
		{Listeners, `"trusted_proxies":[` + strings.Join(networks(257), ",") + `]`, "trusted_proxies", "must have 0 to 256 entries, not 257"},
		{Listeners, `"proxy_protocol":true`, "proxy_protocol", "needs trusted_proxies, for a header is taken from nobody else"},
		{Listeners, `"proxy_protocol":true,"trusted_proxies":[]`, "proxy_protocol", "needs trusted_proxies"},
		{Listeners, `"drain_timeout":"-1s"`, "drain_timeout", "must be 0s to 1h, not -1s"},

		{CABundles, `"pem":""`, "pem", "is required"},
		{CABundles, `"pem":"none"`, "pem", "must hold a certificate in PEM form"},
		{CABundles, `"pem":` + quoted(strings.Repeat("a", 262145)), "pem", "must be 1 to 262144 bytes long"},

		{Pools, `"targets":{"a b":{"address":"10.0.0.1"}}`, `targets["a b"]`, "has a key that must start with"},
		{Pools, `"targets":{"":{"address":"10.0.0.1"}}`, `targets[""]`, "has a key that must be 1 to 80"},
		{Pools, `"targets":{"a":{}}`, `targets["a"].address`, "is required"},
		{Pools, `"targets":{"a":{"address":"a b"}}`, `targets["a"].address`, "must be an IP address such as 10.0.0.5 or 2001:db8::5, a DNS name, or unix:"},
		{Pools, `"targets":{"a":{"address":"10.0.0"}}`, `targets["a"].address`, "write an IPv4 address as four numbers"},
		{Pools, `"targets":{"a":{"address":"10.0.0.256"}}`, `targets["a"].address`, "write an IPv4 address as four numbers"},
		{Pools, `"targets":{"a":{"address":"-a.example"}}`, `targets["a"].address`, "a DNS name"},
		{Pools, `"targets":{"a":{"address":"a..example"}}`, `targets["a"].address`, "a DNS name"},
		{Pools, `"targets":{"a":{"address":"*.example"}}`, `targets["a"].address`, "a DNS name"},
		{Pools, `"targets":{"a":{"address":"."}}`, `targets["a"].address`, "a DNS name"},
		{Pools, `"targets":{"a":{"address":"fe80::1%eth0"}}`, `targets["a"].address`, "without a zone"},
		{Pools, `"targets":{"a":{"address":"a.example:80"}}`, `targets["a"].address`, "must be an IP address"},
		{Pools, `"targets":{"a":{"address":"unix:run/app.sock"}}`, `targets["a"].address`, "by an absolute path"},
		{Pools, `"targets":{"a":{"address":"unix:/` + strings.Repeat("a", 103) + `"}}`, `targets["a"].address`, "at most 103 bytes"},
		{Pools, `"targets":{"a":{"address":"unix:/run/\u0000"}}`, `targets["a"].address`, "without NUL"},
		{Pools, `"targets":{"a":{"address":"unix:/run/a","port":1}}`, `targets["a"].port`, "means nothing for a Unix socket"},
		{Pools, `"targets":{"a":{"address":"A.example"},"b":{"address":"a.EXAMPLE"}}`, `targets["b"].address`, `target "a" already`},
		{Pools, `"targets":{"a":{"address":"unix:/run/a"},"b":{"address":"unix:/run/a"}}`, `targets["b"].address`, `target "a" already`},
		{Pools, `"algorithm":"random"`, "algorithm", "must be one of round_robin, least_connections, power_of_two, source_hash, header_hash"},
		{Pools, `"algorithm":"header_hash"`, "hash_header", `is required with algorithm = "header_hash"`},
		{Pools, `"hash_header":"X-Id"`, "hash_header", `means nothing with algorithm = "round_robin"`},
		{Pools, `"algorithm":"header_hash","hash_header":"X Id"`, "hash_header", "must be the name of a header"},
		{Pools, `"algorithm":"header_hash","hash_header":""`, "hash_header", "must not be empty"},
		{Pools, `"slow_start":"2h"`, "slow_start", "must be 0s to 1h"},

		{Targets, `"pool":""`, "pool", "is required"},
		{Targets, `"address":""`, "address", "is required"},
		{Targets, `"address":"a b"`, "address", "must be an IP address such as"},
		{Targets, `"port":0`, "port", "must be 1 to 65535, not 0"},
		{Targets, `"weight":1001`, "weight", "must be 0 to 1000, not 1001"},
		{Targets, `"address":"unix:/run/a","port":80`, "port", "means nothing for a Unix socket"},

		{Listeners, `"close_spread":"31s"`, "close_spread", "must not be longer than drain_timeout, of which it is the last part: 31s is more than 30s"},
		{Pools, `"targets":{"a":{"address":"10.0.0.1","port":0}}`, `targets["a"].port`, "must be 1 to 65535, not 0"},
		{Pools, `"targets":{"a":{"address":"10.0.0.1","weight":1001}}`, `targets["a"].weight`, "must be 0 to 1000, not 1001"},
		{Pools, `"targets":{"a":{"address":"10.0.0.1","weight":-1}}`, `targets["a"].weight`, "must be 0 to 1000, not -1"},
		{Pools, `"targets":{"a":{"address":"10.0.0.1"},"b":{"address":"10.0.0.1"}}`, `targets["b"].address`, `target "a" already`},
		{Pools, `"targets":{"a":{"address":"2001:db8::1","port":1},"b":{"address":"2001:db8:0::1","port":1}}`, `targets["b"].address`, `target "a" already`},

		{Settings, `"protocol":"tls"`, "protocol", "must be one of http, https"},
		{Settings, `"tls":{}`, "tls", "must not be given where protocol is http"},
		{Settings, `"protocol":"https","tls":{"verify":false,"ca_bundles":["a"]}`, "tls.ca_bundles", "means nothing with verify = false"},
		{Settings, `"protocol":"https","tls":{"ca_bundles":["a","a"]}`, "tls.ca_bundles", "is given twice"},
		{Settings, `"protocol":"https","tls":{"ca_bundles":["no spaces"]}`, "tls.ca_bundles", "must start with a letter or digit"},
		{Settings, `"protocol":"https","tls":{"client_certificate":""}`, "tls.client_certificate", "must not be empty"},
		{Settings, `"protocol":"https","tls":{"server_name":"a.example:443"}`, "tls.server_name", "must be a host name or an IP address, without a port"},
		{Probes, `"protocol":"tcp"`, "protocol", "must be one of http, https"},
		{Settings, `"port":65536`, "port", "must be 1 to 65535"},
		{Settings, `"probe":""`, "probe", "must not be empty; leave it out instead"},
		{Settings, `"probe":"no spaces"`, "probe", "must start with a letter or digit"},
		{Settings, `"connect_timeout":"9ms"`, "connect_timeout", "must be 10ms to 10m, not 9ms"},
		{Settings, `"request_timeout":"0s"`, "request_timeout", "must be 1s to 24h"},
		{Settings, `"stream_idle_timeout":"25h"`, "stream_idle_timeout", "must be 0s to 24h"},
		{Settings, `"write_timeout":"0s"`, "write_timeout", "must be 1s to 24h"},
		{Settings, `"drain_timeout":"2h"`, "drain_timeout", "must be 0s to 1h"},
		{Settings, `"retries":11`, "retries", "must be 0 to 10, not 11"},
		{Settings, `"host":""`, "host", "must not be empty"},
		{Settings, `"host":"*.example.com"`, "host", "as in a Host header"},
		{Settings, `"host":"a.example","host_from_target":true`, "host", "cannot be given together with host_from_target"},
		{Settings, `"websocket":{"idle_timeout":"25h"}`, "websocket.idle_timeout", "must be 0s to 24h"},
		{Settings, `"websocket":{"max_message_bytes":-1}`, "websocket.max_message_bytes", "must be 0 to 1125899906842624"},
		{Settings, `"websocket":{"allowed_origins":["https://a.example","https://b.example/"]}`, "websocket.allowed_origins", "must end behind the host or port"},
		{Settings, `"keep_alive":{"idle_timeout":"2h"}`, "keep_alive.idle_timeout", "must be 0s to 1h"},
		{Settings, `"close_spread":"20s","drain_timeout":"10s"`, "close_spread", "20s is more than 10s"},
		{Settings, `"max_connections":-1`, "max_connections", "must be 0 to 1000000, not -1"},
		{Settings, `"eject":{"failures":0}`, "eject.failures", "must be 1 to 1000, not 0"},
		{Settings, `"eject":{"for":"99ms"}`, "eject.for", "must be 100ms to 1h"},
		{Listeners, `"protocol":"https"`, "certificates", "must name at least one certificate where protocol is https"},
		{Listeners, `"protocol":"wss"`, "protocol", "must be one of"},
		{Listeners, `"certificates":["c"]`, "certificates", "must not be given where protocol is http"},
		{Listeners, `"tls":{}`, "tls", "must not be given where protocol is http"},
		{Listeners, `"client_auth":{"mode":"passthrough"}`, "client_auth", "must not be given where protocol is http"},
		{Listeners, tlsListener + `"client_auth":{"mode":"must"}`, "client_auth.mode", "must be one of strict, optional, passthrough"},
		{Listeners, tlsListener + `"client_auth":{}`, "client_auth.ca_bundles", "must name at least one bundle where mode is \"strict\""},
		{Listeners, tlsListener + `"client_auth":{"mode":"optional"}`, "client_auth.ca_bundles", "must name at least one bundle where mode is \"optional\""},
		{Listeners, tlsListener + `"client_auth":{"mode":"passthrough","ca_bundles":["a"]}`, "client_auth.ca_bundles", "means nothing with mode = \"passthrough\""},
		{Listeners, tlsListener + `"client_auth":{"ca_bundles":["a","a"]}`, "client_auth.ca_bundles", "is given twice"},
		{Listeners, tlsListener + `"client_auth":{"ca_bundles":["no spaces"]}`, "client_auth.ca_bundles", "must start with a letter or digit"},
		{Listeners, tlsListener + `"tls":{"policy":"best"}`, "tls.policy", "must be one of"},
		{Listeners, tlsListener + `"tls":{"policy":"modern","min_version":"1.2"}`, "tls.policy", "cannot be given together with min_version"},
		{Listeners, tlsListener + `"tls":{"policy":"modern","cipher_suites":["TLS_ECDHE_RSA_WITH_AES_128_GCM_SHA256"]}`, "tls.policy", "cannot be given together with"},
		{Listeners, tlsListener + `"tls":{"min_version":"1.3","max_version":"1.2"}`, "tls.min_version", "1.3 is newer than 1.2"},
		{Listeners, tlsListener + `"tls":{"max_version":"1.1"}`, "tls.min_version", "1.2 is newer than 1.1"},
		{Listeners, tlsListener + `"tls":{"min_version":"1.0"}`, "tls.cipher_suites", "must hold a suite of TLS 1.1 or older where min_version is 1.0"},
		{Listeners, tlsListener + `"tls":{"min_version":"1.1","cipher_suites":["TLS_RSA_WITH_AES_128_CBC_SHA256"]}`, "tls.cipher_suites", "must hold a suite of TLS 1.1 or older"},
		{Listeners, tlsListener + `"tls":{"cipher_suites":["TLS_AES_128_GCM_SHA256"]}`, "tls.cipher_suites", "must not be a suite of TLS 1.3"},
		{Listeners, tlsListener + `"tls":{"cipher_suites":["ECDHE-RSA-AES128-GCM-SHA256"]}`, "tls.cipher_suites", "must be a cipher suite of TLS 1.2 or older that gatewayd has: TLS_"},
		{Listeners, tlsListener + `"tls":{"min_version":"1.3","cipher_suites":["TLS_ECDHE_RSA_WITH_AES_128_GCM_SHA256"]}`, "tls.cipher_suites", "must not be given where min_version is 1.3"},
		{Settings, `"affinity":{"cookie_name":""}`, "affinity.cookie_name", "must not be empty"},
		{Settings, `"affinity":{"cookie_name":"a b"}`, "affinity.cookie_name", "must be the name of a cookie"},
		{Settings, `"affinity":{"cookie_name":"a=b"}`, "affinity.cookie_name", "must be the name of a cookie"},
		{Settings, `"affinity":{"cookie_name":"` + strings.Repeat("a", 129) + `"}`, "affinity.cookie_name", "of 1 to 128 letters"},
		{Settings, `"affinity":{"cookie_name":"__HOST-a"}`, "affinity.cookie_name", "must not begin with __Host- or __Secure-"},
		{Settings, `"affinity":{"cookie_name":"__Secure-a"}`, "affinity.cookie_name", "must not begin with __Host- or __Secure-"},
		{Settings, `"affinity":{"cookie_name":"aCORS"}`, "affinity.cookie_name", "must not end in CORS"},
		{Settings, `"affinity":{"ttl":"999ms"}`, "affinity.ttl", "must be 1s to 8760h"},
		{Settings, `"affinity":{"ttl":"8761h"}`, "affinity.ttl", "must be 1s to 8760h"},
		{Settings, `"on_unhealthy":"cut"`, "on_unhealthy", "must be one of keep, drain, close"},
		{Settings, `"source_addresses":["10.0.0.1","a"]`, "source_addresses", `"a" must be an IP address`},
		{Settings, `"source_addresses":["10.0.0.1","10.0.0.1"]`, "source_addresses", "is given twice"},
		{Settings, `"keep_alive":{"max_idle":10001}`, "keep_alive.max_idle", "must be 0 to 10000"},

		{Probes, `"host":"a.example:0"`, "host", "port from 1 to 65535"},
		{Probes, `"host":"a.example","host_from_setting":true`, "host", "cannot be given together with host_from_setting"},
		{Probes, `"path":""`, "path", "must not be empty"},
		{Probes, `"path":"health"`, "path", `must start with "/"`},
		{Probes, `"path":"/a b"`, "path", "may stand in a URL"},
		{Probes, `"path":"/%zz"`, "path", "two hexadecimal digits"},
		{Probes, `"path":"/` + strings.Repeat("a", 2048) + `"`, "path", "1 to 2048 bytes long, not 2049"},
		{Probes, `"port":-5`, "port", "must be 1 to 65535"},
		{Probes, `"interval":"50ms"`, "interval", "must be 100ms to 24h"},
		{Probes, `"timeout":"1ms"`, "timeout", "must be 10ms to 24h"},
		{Probes, `"unhealthy_threshold":0`, "unhealthy_threshold", "must be 1 to 20, not 0"},
		{Probes, `"healthy_threshold":21`, "healthy_threshold", "must be 1 to 20, not 21"},
		{Probes, `"match":{"statuses":[]}`, "match.statuses", "must have 1 to 20 entries, not 0"},
		{Probes, `"match":{"statuses":["200","399-200"]}`, "match.statuses[1]", "must be a status code"},
		{Probes, `"match":{"statuses":["200","200"]}`, "match.statuses[1]", "is given twice"},
		{Probes, `"match":{"body":""}`, "match.body", "must not be empty"},
		{Probes, `"match":{"body":"` + strings.Repeat("a", 4091) + `"}`, "match.body", "1 to 4090 bytes long"},

		{Rewrites, `"steps":[{"when":[{"variable":"var_hots","pattern":"a"}]}]`, "steps[0].when[0].variable", "names no server variable: var_hots; there are add_x_forwarded_for_proxy, ciphers_used, client_certificate"},
		{Rewrites, `"steps":[{"when":[{"variable":"var_ciphers_supported","pattern":"a"}]}]`, "steps[0].when[0].variable", "names var_ciphers_supported, which is of the client's first message"},
		{Rewrites, `"steps":[{},{"when":[{"variable":"var_host","pattern":"("}]}]`, "steps[1].when[0].pattern", "must be a regular expression in the syntax of RE2"},
		{Rewrites, `"steps":[{"when":[{"variable":"var_host"}]}]`, "steps[0].when[0].pattern", "is required"},
		{Rewrites, `"steps":[{"request_headers":{"X-A":{}}}]`, `steps[0].request_headers["X-A"].value`, "is required, or delete = true"},
		{Rewrites, `"steps":[{"request_headers":{"X-A":{"value":"a","delete":true}}}]`, `steps[0].request_headers["X-A"].delete`, "cannot be true beside a value"},
		{Rewrites, `"steps":[{"request_headers":{"X-A":{"value":""}}}]`, `steps[0].request_headers["X-A"].value`, "must not be empty"},
		{Rewrites, `"steps":[{"request_headers":{"X-A":{"value":"a\r\nX-B: b"}}}]`, `steps[0].request_headers["X-A"].value`, "line breaks included"},
		{Rewrites, `"steps":[{"request_headers":{"X-A":{"value":"{var_hots}"}}}]`, `steps[0].request_headers["X-A"].value`, "holds {var_hots}, which names no server variable"},
		{Rewrites, `"steps":[{"request_headers":{"X-A":{"value":"{http_resp_X}"}}}]`, `steps[0].request_headers["X-A"].value`, "names http_resp_x, which is of the answer"},
		{Rewrites, `"steps":[{"url":{"query":"{var_http_status}"}}]`, `steps[0].url.query`, "names var_http_status, which is of the answer"},
		{Rewrites, `"steps":[{"request_headers":{"host":{"delete":true}}}]`, `steps[0].request_headers["host"].delete`, "cannot be true for Host"},
		{Rewrites, `"steps":[{"request_headers":{"Transfer-Encoding":{"value":"a"}}}]`, `steps[0].request_headers["Transfer-Encoding"]`, "cannot be changed"},
		{Rewrites, `"steps":[{"request_headers":{"CDN-Loop":{"delete":true}}}]`, `steps[0].request_headers["CDN-Loop"]`, "cannot be changed"},
		{Rewrites, `"steps":[{"request_headers":{"content_length":{"value":"a"}}}]`, `steps[0].request_headers["content_length"]`, "cannot be changed"},
		{Rewrites, `"steps":[{"response_headers":{"CONNECTION":{"delete":true}}}]`, `steps[0].response_headers["CONNECTION"]`, "cannot be changed"},
		{Rewrites, `"steps":[{"response_headers":{"Upgrade":{"delete":true}}}]`, `steps[0].response_headers["Upgrade"]`, "cannot be changed"},
		{Rewrites, `"steps":[{"response_headers":{"X-A":{"value":"a","match":{"pattern":"b"}}}}]`, `steps[0].response_headers["X-A"].match`, "only Set-Cookie"},
		{Rewrites, `"steps":[{"response_headers":{"X-A":{"delete":true},"x-a":{"delete":true}}}]`, `steps[0].response_headers["x-a"]`, `the same as "X-A"`},
		{Rewrites, `"steps":[{"request_headers":{"X-A":{"value":"{var_host_1}"}}}]`, `steps[0].request_headers["X-A"].value`, "group 1 of var_host, on which the step has no condition"},
		{Rewrites, `"steps":[{"when":[{"variable":"var_host","pattern":"(a)"}]},{"request_headers":{"X-A":{"value":"{var_host_1}"}}}]`, `steps[1].request_headers["X-A"].value`, "no condition"},
		{Rewrites, `"steps":[{"when":[{"variable":"var_host","pattern":"(a)"}],"request_headers":{"X-A":{"value":"{var_host_2}"}}}]`, `steps[0].request_headers["X-A"].value`, "group 2 of var_host, and the pattern has 1"},
		{Rewrites, `"steps":[{"when":[{"variable":"var_host","pattern":"(a)","negate":true}],"request_headers":{"X-A":{"value":"{var_host_1}"}}}]`, `steps[0].request_headers["X-A"].value`, "negated"},
		{Rewrites, `"steps":[{"when":[{"variable":"var_host","pattern":"(a)"},{"variable":"var_host","pattern":"(b)"}],"request_headers":{"X-A":{"value":"{var_host_1}"}}}]`, `steps[0].request_headers["X-A"].value`, "two conditions"},
		{Rewrites, `"steps":[{"when":[{"variable":"var_cookie_A","pattern":"(a)"}],"request_headers":{"X-A":{"value":"{var_cookie_a_1}"}}}]`, `steps[0].request_headers["X-A"].value`, "no condition"},
		{Rewrites, `"steps":[{"response_headers":{"Set-Cookie":{"value":"{http_resp_Set-Cookie_2}","match":{"pattern":"(a)"}}}}]`, `steps[0].response_headers["Set-Cookie"].value`, "and the pattern has 1"},
		{Rewrites, `"steps":[{"when":[{"variable":"http_resp_Server","pattern":"a"}],"url":{"path":"/a"}}]`, `steps[0].url`, "cannot depend on the answer"},
		{Rewrites, `"steps":[{"when":[{"variable":"var_host","pattern":"a"},{"variable":"var_http_status","pattern":"a"}],"request_headers":{"X-A":{"delete":true}}}]`, `steps[0].request_headers["X-A"]`, "steps[0].when[1].variable is a variable of the answer"},
		{Rewrites, `"steps":[{"url":{"path":"a"}}]`, "steps[0].url.path", "must start with"},
		{Rewrites, `"steps":[{"url":{"query":"a","clear_query":true}}]`, "steps[0].url.clear_query", "cannot be true beside a query"},
		{Rewrites, `"steps":[{"url":{"reroute":true}}]`, "steps[0].url.reroute", "without end"},
		{Rewrites, `"steps":[{"url":{"path":"{var_uri_path}","reroute":true}}]`, "steps[0].url.reroute", "without end"},
		{Rewrites, `"steps":[` + strings.Repeat(`{},`, 40) + `{}]`, "steps", "must have 0 to 40 entries, not 41"},
		{Rewrites, `"steps":[` + strings.Repeat(`{"when":[`+strings.Repeat(`{"variable":"var_host","pattern":"a"},`, 20)+`{"variable":"var_host","pattern":"a"}]},`, 1) +
			`{"when":[` + strings.Repeat(`{"variable":"var_host","pattern":"a"},`, 19) + `{"variable":"var_host","pattern":"a"}]}]`, "steps", "have 41 conditions together"},
		{Rewrites, `"steps":[` + strings.Repeat(`{"url":{},"response_headers":{"A":{"delete":true}}},`, 20) + `{"url":{}}]`, "steps", "change 41 headers and URLs together"},
		{Rules, `"rewrite":""`, "rewrite", "must not be empty"},

		{Rules, `"listener":""`, "listener", "is required"},
		{Rules, `"pool":"a/b"`, "pool", "must start with a letter or digit"},
		{Rules, `"setting":""`, "setting", "must not be empty"},
		{Rules, `"pool":null,"setting":null`, "pool", "is required with a setting, unless the rule has another action: split, redirect, respond"},
		{Rules, `"pool":null`, "pool", "is required with a setting"},
		{Rules, `"setting":null`, "setting", "is required with a pool"},
		{Rules, `"respond":{"status":403}`, "pool", "cannot be given together with respond; a rule has one action"},
		{Rules, `"pool":null,"respond":{"status":403}`, "setting", "cannot be given together with respond; a rule has one action"},
		{Rules, `"pool":"p","setting":"s","split":{"a":{"pool":"p","setting":"s"}}`, "pool", "cannot be given together with split"},
		{Rules, noPool + `"listener":"l","split":{"a":{"pool":"p","setting":"s"}},"redirect":{"status":301,"listener":"l"}`, "split", "cannot be given together with redirect"},
		{Rules, noPool + `"listener":"l","redirect":{"status":301,"listener":"l"},"respond":{"status":200}`, "redirect", "cannot be given together with respond"},
		{Rules, noPool + `"split":{}`, "split", "must have 1 to 100 entries, not 0"},
		{Rules, noPool + `"split":{"a":{"setting":"s"}}`, `split["a"].pool`, "is required"},
		{Rules, noPool + `"split":{"a":{"pool":"p"}}`, `split["a"].setting`, "is required"},
		{Rules, noPool + `"split":{"a":{"pool":"p","setting":"s","weight":1001}}`, `split["a"].weight`, "must be 0 to 1000, not 1001"},
		{Rules, noPool + `"split":{"a":{"pool":"p","setting":"s","weight":0},"b":{"pool":"q","setting":"s","weight":0}}`, `split["a"].weight`, "must not be 0 in every share"},
		{Rules, noPool + `"listener":"l","redirect":{"listener":"l"}`, "redirect.status", "must be 301 to 308, not 0 or left out"},
		{Rules, noPool + `"listener":"l","redirect":{"status":305,"listener":"l"}`, "redirect.status", "must be 301, 302, 303, 307 or 308, not 305"},
		{Rules, noPool + `"redirect":{"status":301}`, "redirect.url", "is required, unless the redirect has a listener"},
		{Rules, noPool + `"listener":"l","redirect":{"status":301,"listener":"l","url":"http://a.example"}`, "redirect.url", "cannot be given together with listener"},
		{Rules, noPool + `"redirect":{"status":301,"url":"/new"}`, "redirect.url", "must be an absolute URL"},
		{Rules, noPool + `"redirect":{"status":301,"url":"//evil.example/"}`, "redirect.url", "must be an absolute URL"},
		{Rules, noPool + `"redirect":{"status":301,"url":"javascript://a.example/"}`, "redirect.url", "must be an absolute URL"},
		{Rules, noPool + `"redirect":{"status":301,"url":"https:///x"}`, "redirect.url", "must have a host name"},
		{Rules, noPool + `"redirect":{"status":301,"url":"https://a@b.example/"}`, "redirect.url", "must have a host name"},
		{Rules, noPool + `"redirect":{"status":301,"url":"https://ä.example/"}`, "redirect.url", "must have a host name"},
		{Rules, noPool + `"redirect":{"status":301,"url":"https://a.example/\r\nX: y"}`, "redirect.url", "may stand in a URL"},
		{Rules, noPool + `"redirect":{"status":301,"url":"https://a.example/%zz"}`, "redirect.url", "two hexadecimal digits"},
		{Rules, noPool + `"redirect":{"status":301,"url":"https://a.example/#a#b"}`, "redirect.url", "twice"},
		{Rules, noPool + `"respond":{}`, "respond.status", "must be 200 to 599, not 0 or left out"},
		{Rules, noPool + `"respond":{"status":199}`, "respond.status", "must be 200 to 599, not 199"},
		{Rules, noPool + `"respond":{"status":206}`, "respond.status", "must not be 206, which is a part"},
		{Rules, noPool + `"respond":{"status":308}`, "respond.status", "must not be 308, which sends clients elsewhere"},
		{Rules, noPool + `"respond":{"status":401}`, "respond.status", "WWW-Authenticate"},
		{Rules, noPool + `"respond":{"status":405}`, "respond.status", "Allow"},
		{Rules, noPool + `"respond":{"status":407}`, "respond.status", "Proxy-Authenticate"},
		{Rules, noPool + `"respond":{"status":426}`, "respond.status", "Upgrade"},
		{Rules, noPool + `"respond":{"status":204,"body":"x"}`, "respond.body", "means nothing with status 204, which has no body"},
		{Rules, noPool + `"respond":{"status":200,"body":""}`, "respond.body", "must not be empty; leave it out instead"},
		{Rules, noPool + `"respond":{"status":200,"body":"` + strings.Repeat("x", 65537) + `"}`, "respond.body", "1 to 65536 bytes long, not 65537"},
		{Rules, noPool + `"respond":{"status":200,"content_type":"text"}`, "respond.content_type", "must be a media type such as"},
		{Rules, noPool + `"respond":{"status":200,"content_type":"text/html\r\nX: y"}`, "respond.content_type", "must be a media type"},
		{Rules, noPool + `"respond":{"status":200,"content_type":"text/html; charset"}`, "respond.content_type", "must be a media type"},
		{Rules, noPool + `"respond":{"status":200,"content_type":""}`, "respond.content_type", "must not be empty"},
		{Rules, `"priority":0`, "priority", "must be 1 to 1000000, not 0"},
		{Rules, `"priority":1000001`, "priority", "must be 1 to 1000000"},
		{Rules, `"match":{"hostnames":["**.example"]}`, "match.hostnames", "in one label"},
		{Rules, `"match":{"paths":["/caf%C3%A9/*"]}`, "match.paths", `"/caf%C3%A9/*" must not be percent-encoded, since paths are decoded before rules match; write "/café/*"`},
		{Rules, `"match":{"paths":["/Chat/*","/chat/*"]}`, "match.paths", `"/chat/*" is the same as "/Chat/*"`},
		{Rules, `"match":{"hostnames":["*.EXAMPLE","*.example"]}`, "match.hostnames", `is the same as`},
		{Rules, `"match":{"methods":["get"]}`, "match.methods", `"get" must be a method in upper case`},
		{Rules, `"match":{"methods":["GET","TRACE"]}`, "match.methods", `"TRACE" is a method that the gateway always refuses`},
		{Rules, `"match":{"methods":["CONNECT"]}`, "match.methods", `"CONNECT" is a method that the gateway always refuses`},
		{Rules, `"match":{"methods":["GET","GET"]}`, "match.methods", `"GET" is given twice`},
		{Rules, `"match":{"methods":["G T"]}`, "match.methods", "must be a method in upper case"},
		{Rules, `"match":{"headers":{"X Team":{}}}`, `match.headers["X Team"]`, "has a key that must be the name of a header"},
		{Rules, `"match":{"headers":{"X-Team":{},"x-team":{}}}`, `match.headers["x-team"]`, `the same as "X-Team"`},
		{Rules, `"match":{"headers":{"Host":{}}}`, `match.headers["Host"]`, "names a header that rules cannot go by: match.hostnames is about the host"},
		{Rules, `"match":{"headers":{"X-Forwarded-Proto":{}}}`, `match.headers["X-Forwarded-Proto"]`, "the gateway writes it"},
		{Rules, `"match":{"headers":{"connection":{}}}`, `match.headers["connection"]`, "ends at the gateway"},
		{Rules, `"match":{"headers":{"X-Team":{"equals":["a","a"]}}}`, `match.headers["X-Team"].equals`, `"a" is given twice`},
		{Rules, `"match":{"headers":{"X-Team":{"equals":[" a"]}}}`, `match.headers["X-Team"].equals`, `" a" has spaces at its ends`},
		{Rules, `"match":{"headers":{"X-Team":{"prefix":"\ta"}}}`, `match.headers["X-Team"].prefix`, "has spaces at its ends"},
		{Rules, `"match":{"headers":{"X-Team":{"prefix":""}}}`, `match.headers["X-Team"].prefix`, "must not be empty"},
		{Rules, `"match":{"headers":{"X-Team":{"equals":["a\u0000"]}}}`, `match.headers["X-Team"].equals`, "control characters"},
		{Rules, `"match":{"headers":{"X-Team":{"equals":["` + strings.Repeat("a", 1025) + `"]}}}`, `match.headers["X-Team"].equals`, "at most 1024 bytes"},
		{Rules, `"match":{"headers":{"X-Team":{"pattern":"("}}}`, `match.headers["X-Team"].pattern`, "must be a regular expression in the syntax of RE2: error parsing regexp: missing closing )"},
		{Rules, `"match":{"headers":{"X-Team":{"pattern":"(?=a)"}}}`, `match.headers["X-Team"].pattern`, "in the syntax of RE2"},
		{Rules, `"match":{"headers":{"X-Team":{"pattern":"a{1,1000}"}}}`, `match.headers["X-Team"].pattern`, "too large a regular expression"},
		{Rules, `"match":{"headers":{"X-Team":{"pattern":"` + strings.Repeat("a", 257) + `"}}}`, `match.headers["X-Team"].pattern`, "at most 256 bytes"},
		{Rules, `"match":{"headers":{"X-Team":{"prefix":"a","absent":true}}}`, `match.headers["X-Team"].absent`, "cannot be given together with prefix"},
		{Rules, `"match":{"query":{"":{}}}`, `match.query[""]`, "name of a query parameter"},
		{Rules, `"match":{"query":{"q":{"equals":["a"],"pattern":"a"}}}`, `match.query["q"].pattern`, "cannot be given together with equals"},
		{Rules, `"match":{"paths":["/a*b"]}`, "match.paths", `"/a*b" must hold "*" only as its last character`},
	} {
		o := decode(t, c.kind, c.in)
		ps := Check(o)
		if len(ps) != 1 || ps[0].Path != c.path || !strings.Contains(ps[0].Message, c.words) {
			t.Errorf("%s with %s: want one problem at %q saying %q, got %v", c.kind, c.in, c.path, c.words, ps)
		}
	}
}

// noPool makes room for another action of a rule.
const noPool = `"pool":null,"setting":null,`

// TestCheckAcceptsTheEdges: the last legal value on each side.
func TestCheckAcceptsTheEdges(t *testing.T) {
	many := make([]string, 10000)
	for i := range many {
		many[i] = fmt.Sprintf(`"t%d":{"address":"10.%d.%d.1"}`, i, i/256, i%256)
	}
	for _, c := range []struct {
		kind *Kind
		in   string
	}{
		{Listeners, `"name":"` + strings.Repeat("a", 80) + `"`},
		{Listeners, `"name":"0._-"`},
		{Listeners, `"address":""`},
		{Listeners, `"address":"::"`},
		{Listeners, `"port":65535`},
		{Listeners, `"hostnames":[]`},
		{Listeners, `"hostnames":null`},
		{Listeners, `"error_pages":{}`},
		{Listeners, `"error_pages":{"400":{"body":"` + strings.Repeat("x", 65536) + `"},"505":{"body":"{}","content_type":"application/json"}}`},
		{Listeners, `"header_timeout":"100ms","keep_alive_timeout":"24h","drain_timeout":"0s","max_header_bytes":65536,"max_url_bytes":65536,"max_body_bytes":1125899906842624,"body_timeout":"1h"`},
		{Listeners, `"header_timeout":"100ms","keep_alive_timeout":"24h","drain_timeout":"0s","max_header_bytes":65536`},
		{Rules, noPool + `"respond":{"status":599,"body":"` + strings.Repeat("x", 65536) + `","content_type":"text/html; charset=\"utf-8\""}`},
		{Rules, noPool + `"respond":{"status":204}`},
		{Rules, noPool + `"split":{"a":{"pool":"p","setting":"s"},"b":{"pool":"p","setting":"s","weight":0}}`},
		{Rules, noPool + `"redirect":{"status":308,"url":"HTTPS://[2001:db8::1]:8443?a=%20#b","include_path":true,"include_query":true}`},
		{Rules, noPool + `"listener":"l","redirect":{"status":303,"listener":"l"}`},
		{Listeners, `"proxy_protocol":true,"trusted_proxies":["10.0.0.1"]`},
		{Listeners, `"trusted_proxies":["10.0.0.1","0.0.0.0/0","::/0","2001:DB8::/32","192.0.2.7/32",` + strings.Join(networks(251), ",") + `]`},
		{Listeners, `"drain_timeout":"3600s","keep_alive_timeout":"1.` + strings.Repeat("0", 29) + `s"`},
		{Pools, `"targets":{}`},
		{Pools, `"targets":null`},
		{Pools, `"targets":{` + strings.Join(many, ",") + `}`},
		{Pools, `"targets":{"a":{"address":"10.0.0.1","port":1},"b":{"address":"10.0.0.1","port":2},"c":{"address":"10.0.0.1"}}`},
		{Pools, `"targets":{"a":{"address":"A.example."},"b":{"address":"localhost"},"c":{"address":"_x._tcp.a-1.example"},"d":{"address":"unix:/` + strings.Repeat("a", 102) + `"}}`},
		{Pools, `"algorithm":"header_hash","hash_header":"X-Session_Id","slow_start":"1h","fail_open":true`},
		{Targets, `"address":"a.example","port":65535,"weight":0`},
		{Targets, `"address":"unix:/run/app.sock"`},
		{Settings, `"close_spread":"0s","drain_timeout":"0s","max_connections":1000000,"eject":{},"on_unhealthy":"close","source_addresses":["10.0.0.1","::1"]`},
		{Settings, `"websocket":{"idle_timeout":"24h","max_lifetime":"8760h","max_message_bytes":1125899906842624,"allowed_origins":["null","https://*.a.example"]}`},
		{Settings, `"retries":0,"host":"[2001:db8::1]:8080","keep_alive":{"idle_timeout":"0s","max_idle":0}`},
		{Settings, `"host_from_target":true,"host":null`},
		{Settings, `"protocol":"https"`},
		{Settings, `"protocol":"https","tls":{}`},
		{Settings, `"protocol":"https","tls":{"verify":false,"server_name":"::1","client_certificate":"c"}`},
		{Settings, `"protocol":"https","tls":{"ca_bundles":["a","b"],"server_name":"inner.example"}`},
		{Probes, `"protocol":"https"`},
		{Listeners, tlsListener + `"tls":{}`},
		{Listeners, tlsListener + `"client_auth":{"ca_bundles":["a","b"]}`},
		{Listeners, tlsListener + `"client_auth":{"mode":"optional","ca_bundles":["a"]}`},
		{Listeners, tlsListener + `"client_auth":{"mode":"passthrough"}`},
		{Listeners, tlsListener + `"tls":{"policy":"AppGwSslPolicy20150501"}`},
		{Listeners, tlsListener + `"tls":{"min_version":"1.0","max_version":"1.0","cipher_suites":["TLS_RSA_WITH_3DES_EDE_CBC_SHA"]}`},
		{Settings, `"affinity":{}`},
		{Settings, `"affinity":{"cookie_name":"` + strings.Repeat("a", 128) + `","ttl":"1s"}`},
		{Settings, `"affinity":{"cookie_name":"CORS.a__Host-!#$%&'*+-.^_` + "`" + `|~","ttl":"8760h"}`},
		{Settings, `"affinity":{"cookie_name":"aCors","ttl":null}`},
		{Probes, `"path":"/a%20b?c=d%25","interval":"100ms","timeout":"24h","unhealthy_threshold":20`},
		{Probes, `"match":{"statuses":["100","599","200-200"],"body":"ok"}`},
		{Rewrites, `"steps":[{"when":[{"variable":"http_req_X","pattern":"(a)"}],"request_headers":{"Host":{"value":"{http_req_x_1}"},"X-Forwarded-For":{"value":"{var_add_x_forwarded_for_proxy}"}},
			"response_headers":{"A":{"value":"{http_req_X_1}{http_resp_B}{var_http_status}"}},"url":{"path":"/{http_req_X_1}","reroute":true}}]`},
		{Rewrites, `"steps":[{"when":[{"variable":"http_resp_X","pattern":"(a)"}],"response_headers":{"Set-Cookie":{"delete":true,"match":{"pattern":"a","negate":true}},"A":{"value":"{http_resp_X_1}"}}}]`},
		{Rewrites, `"steps":[{"url":{"path":"/new","reroute":true}},{"url":{"path":"{var_uri_path}","clear_query":true,"reroute":true}}]`},
		{Rewrites, `"steps":[` + strings.Repeat(`{"url":{},"response_headers":{"A":{"delete":true}}},`, 19) + `{"url":{},"response_headers":{"A":{"delete":true}}}]`},
		{Rules, `"rewrite":"w"`},
		{Rules, `"match":{}`},
		{Rules, `"match":{"hostnames":["????.contoso.com"],"paths":["/","/*","/chat*","/chat/*"]},"priority":1000000`},
		{Rules, `"match":{"paths":["/ä","/Ä"]}`},
		{Rules, `"match":{"methods":["GET","M-SEARCH","X_1"]}`},
		{Rules, `"match":{"headers":{"X-Team":{"equals":["","a b","ä"]},"upgrade":{"pattern":"(?i)^websocket$"},"x-forward":{},"Cookie":{"prefix":"a "}}}`},
		{Rules, `"match":{"query":{"q":{"equals":[" a "]},"Q":{"absent":true},"a b":{"prefix":" "}},"headers":{"X-A":{"equals":[],"absent":false}}}`},
	} {
		if ps := Check(decode(t, c.kind, c.in)); ps != nil {
			t.Errorf("%s with %.200s: want no problem, got %v", c.kind, c.in, ps)
		}
	}
}

// TestCheckFindsEveryProblem: one bad field does not hide the next.
func TestCheckFindsEveryProblem(t *testing.T) {
	o := decode(t, Pools, `"name":"?","targets":{"a":{"address":"x y","port":0,"weight":-1},"b":{}}`)
	want := []string{"name", `targets["a"].address`, `targets["a"].port`, `targets["a"].weight`, `targets["b"].address`}
	var got []string
	for _, p := range Check(o) {
		got = append(got, p.Path)
	}
	if strings.Join(got, " ") != strings.Join(want, " ") {
		t.Errorf("want problems at %v, got %v", want, got)
	}
}

// TestProblemsBetweenFieldsSayWhatTheyNeed: Terraform drops them while a field that they rest on is unknown.
func TestProblemsBetweenFieldsSayWhatTheyNeed(t *testing.T) {
	for _, c := range []struct {
		kind  *Kind
		in    string
		needs []string
	}{
		{Settings, `"host":"a","host_from_target":true`, []string{"host_from_target"}},
		{Settings, `"tls":{}`, []string{"protocol"}},
		{Listeners, `"client_auth":{"mode":"passthrough"}`, []string{"protocol"}},
		{Listeners, tlsListener + `"client_auth":{}`, []string{"client_auth.mode"}},
		{Settings, `"protocol":"https","tls":{"verify":false,"ca_bundles":["a"]}`, []string{"tls.verify"}},
		{Probes, `"host":"a","host_from_setting":true`, []string{"host_from_setting"}},
		{Pools, `"algorithm":"header_hash"`, []string{"algorithm"}},
		{Pools, `"hash_header":"X-Id"`, []string{"algorithm"}},
		{Pools, `"targets":{"a":{"address":"unix:/a","port":1}}`, []string{`targets["a"].address`}},
		{Targets, `"address":"unix:/a","port":1`, []string{"address"}},
		{Settings, `"close_spread":"31s"`, []string{"drain_timeout"}},
		{Listeners, `"close_spread":"31s"`, []string{"drain_timeout"}},
		{Listeners, `"proxy_protocol":true`, []string{"trusted_proxies"}},
		{Rules, `"pool":null,"setting":null`, []string{"setting", "split", "redirect", "respond"}},
		{Rules, `"pool":null`, []string{"setting"}},
		{Rules, `"setting":null`, []string{"pool"}},
		{Rules, `"respond":{"status":200}`, nil},
		{Rules, noPool + `"redirect":{"status":301}`, []string{"redirect.listener"}},
		{Rules, noPool + `"listener":"l","redirect":{"status":301,"listener":"l","url":"http://a"}`, nil},
		{Rules, noPool + `"split":{"a":{"pool":"p","setting":"s","weight":0},"b":{"pool":"q","setting":"s","weight":0}}`, []string{`split["b"].weight`, "split[*]"}},
		{Rules, noPool + `"respond":{"status":304,"body":"x"}`, []string{"respond.status"}},
		{Rewrites, `"steps":[{"request_headers":{"a":{}}}]`, []string{`steps[0].request_headers["a"].delete`}},
		{Rewrites, `"steps":[{"request_headers":{"a":{"value":"{var_host_1}"}}}]`, []string{"steps[0].when"}},
		{Rewrites, `"steps":[{"response_headers":{"Set-Cookie":{"value":"{http_resp_Set-Cookie_1}","match":{"pattern":"a"}}}}]`, []string{`steps[0].response_headers["Set-Cookie"].match`}},
		{Rewrites, `"steps":[{"when":[{"variable":"var_http_status","pattern":"2"}],"url":{"path":"/"}}]`, []string{"steps[0].when[0].variable"}},
		{Rewrites, `"steps":[{"url":{"reroute":true}}]`, []string{"steps[0].url.path", "steps[0].url.query", "steps[0].url.clear_query"}},
		{Rules, noPool + `"respond":{"status":200},"rewrite":"w"`, []string{"respond"}},
		{Rules, noPool + `"redirect":{"status":301,"url":"http://a"},"rewrite":"w"`, []string{"redirect"}},
		{Pools, `"targets":{"a":{"address":"::1"},"b":{"address":"::1"}}`,
			[]string{`targets["b"].port`, `targets["a"].address`, `targets["a"].port`}},
	} {
		ps := Check(decode(t, c.kind, c.in))
		if len(ps) != 1 || strings.Join(ps[0].Needs, " ") != strings.Join(c.needs, " ") {
			t.Errorf("%s with %s: want one problem that needs %v, got %+v", c.kind, c.in, c.needs, ps)
		}
	}
}

// valid is the least that makes an object of each kind.
var valid = map[*Kind]map[string]string{
	Certificates: {"name": `"c"`, "certificate_pem": quoted(certtest.Sample(1).Certificate), "private_key_pem": quoted(certtest.Sample(1).Key)},
	CABundles:    {"name": `"c"`, "pem": quoted(certtest.Sample(1).Certificate)},
	Listeners:    {"name": `"l"`, "port": "80"},
	Pools:        {"name": `"p"`},
	Targets:      {"name": `"t"`, "pool": `"p"`, "address": `"10.0.0.1"`},
	Settings:     {"name": `"s"`},
	Probes:       {"name": `"h"`},
	Rewrites:     {"name": `"w"`},
	Rules:        {"name": `"r"`, "listener": `"l"`, "pool": `"p"`, "setting": `"s"`},
}

// quoted is a text as JSON writes it.
func quoted(s string) string { return string(encode(s)) }

// decode reads a valid object of the kind with some fields set otherwise.
func decode(t testing.TB, kind *Kind, fields string) Object {
	t.Helper()
	parts := []string{}
	for name, value := range valid[kind] {
		if !strings.Contains(fields, `"`+name+`":`) {
			parts = append(parts, `"`+name+`":`+value)
		}
	}
	if fields != "" {
		parts = append(parts, fields)
	}
	o, ps := Decode(kind, []byte("{"+strings.Join(parts, ",")+"}"))
	if ps != nil {
		t.Fatalf("%s with %s: %v", kind, fields, ps)
	}
	return o
}

// networks are as many different ones, in quotes.
func networks(n int) (list []string) {
	for i := range n {
		list = append(list, fmt.Sprintf(`"10.%d.%d.0/24"`, i/256, i%256))
	}
	return list
}

// tlsListener begins an https listener.
const tlsListener = `"protocol":"https","certificates":["c"],`
