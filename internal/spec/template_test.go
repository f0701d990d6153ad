package spec

import (
	"strconv"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
)

func TestTemplatesComeApart(t *testing.T) {
	for in, want := range map[string][]TemplatePart{
		"plain":       {{Text: "plain"}},
		"{var_host}":  {{Variable: Variable{Server, "host"}}},
		"a{{b}}{{{{c": {{Text: "a{b}}{{c"}},
		"{{{var_uri_path_2}}": {
			{Text: "{"}, {Variable: Variable{Server, "uri_path"}, Group: 2}, {Text: "}"},
		},
		"{http_req_X-A}{http_resp_Set-Cookie_10}/{var_cookie_A.b_1}": {
			{Variable: Variable{RequestHeader, "x-a"}}, {Variable: Variable{ResponseHeader, "set-cookie"}, Group: 10},
			{Text: "/"}, {Variable: Variable{Cookie, "A.b"}, Group: 1},
		},
		// A number is always a group, and only the last one is.
		"{http_req_X_1_2}": {{Variable: Variable{RequestHeader, "x_1"}, Group: 2}},
	} {
		got, err := ParseTemplate(in)
		if diff := cmp.Diff(want, got); err != nil || diff != "" {
			t.Errorf("%s: %v\n%s", in, err, diff)
		}
	}
}

// FuzzParseTemplate: what is read means the same when it is written again, and every variable in it is one.
func FuzzParseTemplate(f *testing.F) {
	for _, in := range []string{"", "a", "{var_host}", "{{", "{", "}", "{http_req_a_1}x{var_cookie_b}", "{var_host_99}", "{}}", "{{{var_host}}}", "{http_resp_\x00}"} {
		f.Add(in)
	}
	f.Fuzz(func(t *testing.T, in string) {
		parts, err := ParseTemplate(in)
		if err != nil {
			return
		}
		var out strings.Builder
		for _, p := range parts {
			if p.Variable == (Variable{}) {
				out.WriteString(strings.ReplaceAll(p.Text, "{", "{{"))
				continue
			}
			if v, err := ParseVariable(p.Variable.String()); err != nil || v != p.Variable {
				t.Fatalf("%q has the variable %v, which is none: %v", in, p.Variable, err)
			}
			out.WriteString("{" + p.Variable.String())
			if p.Group > 0 {
				out.WriteString("_" + strconv.Itoa(p.Group))
			}
			out.WriteString("}")
		}
		back, err := ParseTemplate(out.String())
		if diff := cmp.Diff(parts, back); err != nil || diff != "" {
			t.Fatalf("%q written again is %q: %v\n%s", in, out.String(), err, diff)
		}
	})
}
