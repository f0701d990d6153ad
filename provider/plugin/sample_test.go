package plugin_test

import (
	"fmt"
	"maps"
	"strings"
	"testing"
	"time"

	"github.com/gatewayd/terraform-provider-gatewayd/internal/certtest"
	"github.com/gatewayd/terraform-provider-gatewayd/internal/gatewaytest"
	"github.com/gatewayd/terraform-provider-gatewayd/internal/spec"
)

// Samples are configurations made from the fields of a kind. n makes them differ.

// minimal has the required fields alone.
func minimal(fields []spec.Field, n int) object {
	o := object{}
	for i := range fields {
		if fields[i].Required {
			o[fields[i].Name] = sample(&fields[i], n)
		}
	}
	return o
}

// least is the least that makes an object of a kind.
func least(k *spec.Kind, n int) object {
	o := minimal(k.Fields(), n)
	switch k {
	case spec.Rules:
		o["pool"], o["setting"] = "there", "there"
	case spec.Certificates:
		o["certificate_pem"], o["private_key_pem"] = certtest.Sample(n).Certificate, certtest.Sample(n).Key
	}
	return o
}

// full has every field.
func full(fields []spec.Field, n int) object {
	o := object{}
	for i := range fields {
		o[fields[i].Name] = sample(&fields[i], n)
	}
	return o
}

// sample is a value that the field may have and that is not its default.
func sample(f *spec.Field, n int) any {
	switch f.Type {
	case spec.Bool:
		return f.Default != true
	case spec.Int:
		if f.Range.Max == 65535 {
			return 11000 + n // A port that nobody else takes: gatewaytest gives out those above, the kernel far above.
		}
		if f.Name == "status" {
			return int(f.Range.Min) + n%3
		}
		return int(f.Range.Min) + n + 1
	case spec.DurationOf:
		return (time.Duration(f.Range.Min) + time.Duration(n)*time.Second).String()
	case spec.String:
		return word(f, n)
	case spec.List, spec.SetOf:
		if f.Elem == spec.ObjectOf {
			return list{full(f.Fields, n), minimal(f.Fields, n+1)}
		}
		return list{word(f, n), word(f, n+1)}
	case spec.Map:
		return object{gatewaytest.SampleKey(f.Keys, n): full(f.Fields, n), gatewaytest.SampleKey(f.Keys, n+1): minimal(f.Fields, n+1)}
	case spec.ObjectOf:
		return full(f.Fields, n)
	}
	panic("no sample of a " + string(f.Type))
}

func word(f *spec.Field, n int) string {
	switch {
	case f.Ref != "":
		return "there"
	case len(f.OneOf) > 0:
		return f.OneOf[len(f.OneOf)-1]
	}
	return gatewaytest.SampleWord(f.Format, n)
}

// settled takes out of a configuration what excludes something else in it, as a host and host_from_target, and what
// needs something that is not in it, as an algorithm a header.
func settled(t *testing.T, k *spec.Kind, config object) object {
	t.Helper()
	if certificate, ok := config["certificate_pem"].(string); ok { // It came with the key of another, and with a PFX.
		config = maps.Clone(config)
		config["private_key_pem"] = certtest.KeyOf(certificate)
		delete(config, "pfx")
		delete(config, "password")
	}
	for range 30 {
		o, ps := spec.Decode(k, encode(t, config))
		if o != nil {
			ps = spec.Check(o)
		}
		if len(ps) == 0 {
			return config
		}
		p := ps[0]
		switch {
		case k == spec.Rules && p.Path == "pool" && config["pool"] == nil: // No action is left.
			config["pool"], config["setting"] = "there", "there"
			continue
		case p.Path == "redirect.url" && takeOut(t, config, "redirect.listener"): // The rule's own: it would go round in a circle.
			continue
		}
		if !takeOut(t, config, p.Path) && (len(p.Needs) == 0 || !takeOut(t, config, p.Needs[0])) {
			takeOut(t, config, p.Path[:max(strings.LastIndexAny(p.Path, ".["), 0)]) // An element that lacks something.
		}
	}
	t.Fatalf("%s: no legal sample of %v", k, config)
	return nil
}

// takeOut takes out what a path leads to, and says whether it was there.
func takeOut(t *testing.T, config object, path string) bool {
	t.Helper()
	steps, err := spec.Steps(path)
	if err != nil {
		t.Fatal(err)
	}
	var at any = config
	for i, s := range steps {
		if n, indexed := s.(int); indexed {
			l, ok := at.(list)
			if !ok || n >= len(l) {
				return false
			}
			at = l[n]
			continue
		}
		inner, ok := at.(object)
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

// variants are configurations of every shape of every field: absent, empty, full, and each field by itself.
func variants(t *testing.T, k *spec.Kind) map[string]object {
	t.Helper()
	all := map[string]object{
		"minimal": least(k, 1),
		"full":    settled(t, k, full(k.Fields(), 2)),
	}
	empty := least(k, 3)
	for i := range k.Fields() {
		f := &k.Fields()[i]
		alone := least(k, 4)
		alone[f.Name] = sample(f, 5)
		all["with "+f.Name] = alone
		if !f.Required && !f.Nullable && f.Default != nil && f.Type != spec.ObjectOf {
			given := least(k, 4)
			given[f.Name] = f.Default
			if words, ok := f.Default.([]string); ok {
				given[f.Name] = listOf(words)
			}
			all["with the default of "+f.Name] = given
		}
		switch {
		case f.Type == spec.ObjectOf:
			part := least(k, 4)
			part[f.Name] = object{}
			all["with empty "+f.Name] = part
			for j := range f.Fields {
				inner := least(k, 6)
				inner[f.Name] = object{f.Fields[j].Name: sample(&f.Fields[j], 7)}
				all["with "+f.Name+"."+f.Fields[j].Name] = inner
				if f.Fields[j].Nullable && f.Fields[j].Elem != "" {
					hollow := least(k, 6)
					hollow[f.Name] = object{f.Fields[j].Name: list{}}
					all["with empty "+f.Name+"."+f.Fields[j].Name] = hollow
				}
			}
		case f.Nullable && f.Type == spec.Map:
			empty[f.Name] = object{}
		case f.Nullable && f.Elem != "":
			empty[f.Name] = list{}
		}
	}
	all["with empty collections"] = empty
	for name := range all {
		all[name] = settled(t, k, all[name])
	}
	return all
}

func listOf(words []string) list {
	l := make(list, len(words))
	for i, w := range words {
		l[i] = w
	}
	return l
}
