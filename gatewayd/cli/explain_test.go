package cli

import (
	"bytes"
	"testing"

	"github.com/gatewayd/terraform-provider-gatewayd/internal/api"
)

func TestExplanationsArePrinted(t *testing.T) {
	for want, e := range map[string]api.Explanation{
		"comes in\tevery address, port 80\nlistener\tweb\npath for rules\t/chat/a\nrule\tchat\npool\tp\nsetting\ts\ntarget gets\t/v2/A?q\n" +
			"target\tone, 10.0.0.1 port 80, may get it, healthy\ntarget\ttwo, unix:/run/a, not now, unhealthy: no answer within 1s\n" +
			"passed over\tcanary: match asks for header \"x-canary\"\npassed over\t3 more\n": {
			Port: 80, Listener: "web", Path: "/chat/a", Sent: "/v2/A?q", Rule: "chat", Pool: "p", Setting: "s",
			Targets: []api.ExplainedTarget{
				{Target: "one", Address: "10.0.0.1", Port: 80, State: "healthy", Choice: true},
				{Target: "two", Address: "unix:/run/a", State: "unhealthy", Reason: "no answer within 1s"},
			},
			Passed: []api.PassedRule{{Rule: "canary", Why: `match asks for header "x-canary"`}}, More: 3,
		},
		"comes in\t10.0.0.9 port 80\nlistener\tweb\npath for rules\t/b\nrerouted by\ta, c\nrule\tboth\naction\tsplit\n" +
			"rewritten\tpath and query are those behind the rewrite; headers that it changes are not shown\n" +
			"share\tnew, weight 1, pool n, setting s\ntarget gets\t/b\ntarget\tone, 10.0.0.1 port 80, may get it, healthy\n" +
			"share\told, weight 9, pool o, setting s\nanswer\t502 no_backend: the pool has no healthy target\n": {
			Address: "10.0.0.9", Port: 80, Listener: "web", Path: "/b", Rule: "both", Action: "split", Rewritten: true, Rerouted: []string{"a", "c"},
			Shares: []api.ExplainedShare{
				{Share: "new", Weight: 1, Pool: "n", Setting: "s", Sent: "/b", Targets: []api.ExplainedTarget{
					{Target: "one", Address: "10.0.0.1", Port: 80, State: "healthy", Choice: true},
				}},
				{Share: "old", Weight: 9, Pool: "o", Setting: "s", Status: 502, Reason: "no_backend", Message: "the pool has no healthy target"},
			},
		},
		"comes in\tevery address, port 443\nlistener\tweb\n" +
			"client auth\tstrict; this is told of a client that connected for this host and shows what the listener asks for\n" +
			"answer\t404 no_rule: no rule serves this path\n": {
			Port: 443, Listener: "web", ClientAuth: "strict", Status: 404, Reason: "no_rule", Message: "no rule serves this path",
		},
		"comes in\t10.0.0.9 port 80\nlistener\tweb\npath for rules\t/\nrule\tmoved\naction\tredirect\nlocation\thttp://b/\nanswer\t301: elsewhere\n": {
			Address: "10.0.0.9", Port: 80, Listener: "web", Path: "/", Rule: "moved", Action: "redirect", Status: 301, Location: "http://b/", Message: "elsewhere",
		},
		"comes in\t127.0.0.1 port 80\nanswer\t400 bad_path: the path can be read in more than one way\n": {
			Address: "127.0.0.1", Port: 80, Status: 400, Reason: "bad_path", Message: "the path can be read in more than one way",
		},
	} {
		var b bytes.Buffer
		printExplanation(&b, &e)
		if b.String() != want {
			t.Errorf("want\n%s\ngot\n%s", want, b.String())
		}
	}
}
