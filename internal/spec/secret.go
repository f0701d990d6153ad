package spec

import "reflect"

// A keeper is an object with secrets. Nothing shows them: Encode and EncodeSparse leave them out, and a write that does so,
// too, keeps those that there are.
type keeper interface {
	Object
	// settled is the object in the form in which it is kept, itself where it has that form.
	settled() Object
	// inherit fills in the secrets that are left out, of the object as it was, and says what is missing. was is nil where
	// there was none; it lacks its secrets where it was read from an API.
	inherit(ps *Problems, was Object)
}

// Settle is an object in the form in which it is kept: one that was given in several forms has one of them. Where
// something is wrong with it, it stays as it is, and the problems say what, as those of Check do.
func Settle(o Object) (Object, Problems) {
	problems := Check(o)
	if k, ok := o.(keeper); ok && len(problems) == 0 {
		return k.settled(), nil
	}
	return o, problems
}

// Inherit is a settled object that is written over another, nil for a new one, with the secrets that the write left out.
func Inherit(o, was Object) (Object, Problems) {
	if _, ok := o.(keeper); !ok {
		return o, nil
	}
	var ps Problems
	o = Clone(o)
	o.(keeper).inherit(&ps, was)
	return o, ps
}

// Keeps says whether a write of an object over another leaves it as it was.
func Keeps(was, o Object) bool {
	o, problems := Settle(o)
	if len(problems) > 0 {
		return false
	}
	o, problems = Inherit(o, was)
	return len(problems) == 0 && Equal(was, o)
}

// HasSecrets says whether the kind has fields that nothing shows.
func (k *Kind) HasSecrets() bool {
	for i := range k.fields {
		if k.fields[i].Secret {
			return true
		}
	}
	return false
}

// EncodeWhole is EncodeSparse with the secrets: what a write sends.
func EncodeWhole(o Object) []byte {
	out := sparse(KindOf(o).fields, reflect.ValueOf(o).Elem())
	for name, value := range secretsOf(o) {
		out[name] = value
	}
	return encode(out)
}

// EncodeSecrets writes the secrets of an object alone; nil where it has none. Only a store may have them, encrypted.
func EncodeSecrets(o Object) []byte {
	if secrets := secretsOf(o); len(secrets) > 0 {
		return encode(secrets)
	}
	return nil
}

// secretsOf are the secrets that an object has, by field. They stand at the top of their kinds.
func secretsOf(o Object) map[string]string {
	secrets := map[string]string{}
	fields, v := KindOf(o).fields, reflect.ValueOf(o).Elem()
	for i := range fields {
		if value := v.Field(fields[i].index); fields[i].Secret && !value.IsNil() {
			secrets[fields[i].Name] = value.Elem().String()
		}
	}
	return secrets
}
