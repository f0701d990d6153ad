package acctest

import (
	"encoding/json"
	"fmt"
	"maps"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/gatewayd/terraform-provider-gatewayd/internal/certtest"
	"github.com/gatewayd/terraform-provider-gatewayd/internal/gatewaytest"
	"github.com/gatewayd/terraform-provider-gatewayd/internal/spec"
)

// An attributes is an object as a configuration writes it, in Terraform's JSON form.
type attributes map[string]any

// there is the name of the objects that samples refer to, one a kind.
const there = "there"

// furniture is a configuration with an object of every kind for samples to refer to.
func furniture(t *testing.T) map[string]map[string]attributes {
	resources := map[string]map[string]attributes{}
	for _, k := range spec.Kinds() {
		o := minimal(t, k, 1)
		o["name"] = there
		resources["gatewayd_"+k.Name] = map[string]attributes{there: o}
	}
	return resources
}

// minimal has the required attributes alone. n makes samples differ.
func minimal(t *testing.T, k *spec.Kind, n int) attributes {
	o := minimalOf(t, k, k.Fields(), n)
	switch k {
	case spec.Rules:
		act(t, o, "pool", n)
	case spec.Certificates:
		certify(o, n)
	}
	return o
}

// certify gives a certificate's sample one form and no other.
func certify(o attributes, n int) {
	o["certificate_pem"], o["private_key_pem"] = certtest.Sample(n).Certificate, certtest.Sample(n).Key
	delete(o, "pfx")
	delete(o, "password")
}

// act gives a rule's sample one action and no other.
func act(t *testing.T, o attributes, action string, n int) {
	for i := range spec.Rules.Fields() {
		switch f := &spec.Rules.Fields()[i]; {
		case f.Name == action, f.Name == "setting" && action == "pool":
			o[f.Name] = sample(t, spec.Rules, f, n)
		case isAction(f):
			delete(o, f.Name)
		}
	}
	if to, is := o["redirect"].(attributes); is {
		delete(to, "listener") // There is a URL.
	}
}

// isAction says whether a field of a rule is an action or a part of one.
func isAction(f *spec.Field) bool {
	return slices.Contains(append([]string{"setting"}, ruleActions...), f.Name)
}

var ruleActions = []string{"pool", "split", "redirect", "respond"}

func minimalOf(t *testing.T, k *spec.Kind, fields []spec.Field, n int) attributes {
	o := attributes{}
	for i := range fields {
		if f := &fields[i]; f.Required {
			o[f.Name] = sample(t, k, f, n)
		}
	}
	return o
}

// explicit writes every default.
func explicit(t *testing.T, k *spec.Kind, n int) attributes {
	o := minimal(t, k, n)
	addDefaults(o, k.Fields())
	return o
}

func addDefaults(o attributes, fields []spec.Field) {
	for i := range fields {
		f := &fields[i]
		switch {
		case f.Required || f.Nullable:
		case f.Type == spec.ObjectOf:
			inner := attributes{}
			addDefaults(inner, f.Fields)
			o[f.Name] = inner
		default:
			o[f.Name] = f.Default
		}
	}
}

// hollow writes every optional collection empty, those inside optional objects too.
func hollow(t *testing.T, k *spec.Kind, n int) attributes {
	o := minimal(t, k, n)
	addEmpty(o, k.Fields())
	if k == spec.Rules {
		act(t, o, "pool", n)
	}
	return legal(t, k, o)
}

func addEmpty(o attributes, fields []spec.Field) {
	for i := range fields {
		f := &fields[i]
		switch {
		case f.Type == spec.ObjectOf:
			inner := attributes{}
			addEmpty(inner, f.Fields)
			o[f.Name] = inner
		case !f.Nullable:
		case f.Type == spec.Map:
			o[f.Name] = attributes{}
		case f.Elem != "":
			o[f.Name] = []string{}
		}
	}
}

// null writes null for everything that may be null.
func null(t *testing.T, k *spec.Kind, n int) attributes {
	o := minimal(t, k, n)
	for i := range k.Fields() {
		if f := &k.Fields()[i]; f.Nullable && !(k == spec.Rules && (f.Name == "pool" || f.Name == "setting")) {
			o[f.Name] = nil
		}
	}
	if k == spec.Certificates {
		certify(o, n)
	}
	return o
}

// full has every attribute, none at its default, but for those that exclude another.
func full(t *testing.T, k *spec.Kind, n int) attributes {
	t.Helper()
	o := fullOf(t, k, k.Fields(), n)
	if k == spec.Rules {
		act(t, o, ruleActions[n/2%len(ruleActions)], n)
	}
	if k == spec.Certificates {
		certify(o, n)
	}
	return legal(t, k, o)
}

// legal takes out what excludes something else, or needs something that is not there.
func legal(t *testing.T, k *spec.Kind, o attributes) attributes {
	t.Helper()
	for range 30 {
		ps := spec.Check(decode(t, k, o))
		if len(ps) == 0 {
			return o
		}
		p := ps[0]
		if !takeOut(t, o, p.Path) && (len(p.Needs) == 0 || !takeOut(t, o, p.Needs[0])) {
			takeOut(t, o, p.Path[:max(strings.LastIndexAny(p.Path, ".["), 0)]) // An element that lacks something.
		}
	}
	t.Fatalf("there is no legal sample of a %s: %v", k, o)
	return nil
}

// takeOut takes out what a path leads to, and says whether it was there.
func takeOut(t *testing.T, o attributes, path string) bool {
	t.Helper()
	steps, err := spec.Steps(path)
	if err != nil {
		t.Fatal(err)
	}
	var at any = o
	for i, s := range steps {
		if n, indexed := s.(int); indexed {
			l, ok := at.([]any)
			if !ok || n >= len(l) {
				return false
			}
			at = l[n]
			continue
		}
		inner, ok := at.(attributes)
		name := fmt.Sprint(s)
		if _, given := inner[name]; !ok || !given {
			return false
		}
		if i == len(steps)-1 {
			delete(inner, name)
			return true
		}
		at = inner[name]
	}
	return false
}

func fullOf(t *testing.T, k *spec.Kind, fields []spec.Field, n int) attributes {
	o := attributes{}
	for i := range fields {
		o[fields[i].Name] = sample(t, k, &fields[i], n)
	}
	return o
}

// sample is a legal value that is not the default.
func sample(t *testing.T, k *spec.Kind, f *spec.Field, n int) any {
	t.Helper()
	switch f.Type {
	case spec.Bool:
		return f.Default != true
	case spec.Int:
		if k == spec.Listeners && f.Name == "port" {
			return gatewaytest.FreePort(t)
		}
		if f.Name == "status" {
			return int(f.Range.Min) + n%3
		}
		return int(f.Range.Min) + n
	case spec.DurationOf:
		return (time.Duration(f.Range.Min) + time.Duration(n)*1500*time.Millisecond).String()
	case spec.String:
		return word(f, n)
	case spec.List, spec.SetOf:
		if f.Elem == spec.ObjectOf {
			return []any{fullOf(t, k, f.Fields, n), minimalOf(t, k, f.Fields, n+1)}
		}
		return []string{word(f, n), word(f, n+1)}
	case spec.Map:
		return attributes{gatewaytest.SampleKey(f.Keys, n): fullOf(t, k, f.Fields, n), gatewaytest.SampleKey(f.Keys, n+1): minimalOf(t, k, f.Fields, n+1)}
	case spec.ObjectOf:
		return fullOf(t, k, f.Fields, n)
	}
	t.Fatalf("there is no sample of a %s", f.Type)
	return nil
}

func word(f *spec.Field, n int) string {
	switch {
	case f.Ref != "":
		return fmt.Sprintf("${gatewayd_%s.%s.name}", f.Ref, there)
	case len(f.OneOf) > 0:
		return f.OneOf[len(f.OneOf)-1]
	}
	return gatewaytest.SampleWord(f.Format, n)
}

// wrong is a value that cannot be; false where every value can.
func wrong(f *spec.Field) (any, bool) {
	switch f.Type {
	case spec.Int:
		return f.Range.Min - 1, f.Range != nil
	case spec.DurationOf:
		return "soon", true
	case spec.String:
		return wrongWord(f)
	case spec.List, spec.SetOf:
		if f.Elem == spec.ObjectOf {
			return []any{wrongOf(f.Fields)}, true
		}
		w, ok := wrongWord(f)
		return []any{w}, ok
	case spec.Map:
		return attributes{"-bad\u0001key": wrongOf(f.Fields)}, true
	case spec.ObjectOf:
		return wrongOf(f.Fields), true
	}
	return nil, false
}

func wrongOf(fields []spec.Field) attributes {
	o := attributes{}
	for i := range fields {
		if value, ok := wrong(&fields[i]); ok {
			o[fields[i].Name] = value
		}
	}
	return o
}

func wrongWord(f *spec.Field) (string, bool) {
	switch {
	case f.Format != "":
		return "-/..!", true // No grammar has it.
	case len(f.OneOf) > 0:
		return "none of them", true
	case f.Range != nil && f.Range.Min > 0:
		return "", true
	}
	return "", false
}

// named are attributes by the names that Terraform has for fields.
func (o attributes) named(k *spec.Kind) attributes {
	named := maps.Clone(o)
	for _, f := range k.Fields() {
		if v, given := o[f.Name]; given && f.Secret {
			delete(named, f.Name)
			named[f.Attribute] = v
		}
	}
	return named
}

// shown is the object that the attributes mean, as the gateway shows it: without what is secret.
func shown(t *testing.T, k *spec.Kind, o attributes) spec.Object {
	t.Helper()
	object, ps := spec.Decode(k, spec.Encode(decode(t, k, o)))
	if object == nil {
		t.Fatal(ps)
	}
	return object
}

// decode is the object that the attributes mean.
func decode(t *testing.T, k *spec.Kind, o attributes) spec.Object {
	t.Helper()
	text, err := json.Marshal(o)
	if err != nil {
		t.Fatal(err)
	}
	for _, other := range spec.Kinds() {
		text = []byte(strings.ReplaceAll(string(text), fmt.Sprintf("${gatewayd_%s.%s.name}", other.Name, there), there))
	}
	object, ps := spec.Decode(k, text)
	if object == nil {
		t.Fatalf("a sample of a %s is none: %v", k, ps)
	}
	return object
}
