package spec

import (
	"fmt"
	"reflect"
)

// An Object is one desired object of a gateway: a *Certificate, *CABundle, *Listener, *Pool, *Target, *Setting, *Probe,
// *Rewrite or *Rule. Once it is in a Set it is never changed.
type Object interface {
	// Key is its name, unique in its kind.
	Key() string
	// check adds the problems that more than one field makes; what the tags say is checked before.
	check(ps *Problems)
}

// A defaulter is a struct, an object or a part of one, whose fields have defaults.
type defaulter interface{ defaults() }

// A Kind names a sort of object.
type Kind struct {
	// Name is the kind's word: the suffix of the Terraform type and the "kind" of a change.
	Name string
	// Collection is the kind's path in the API and its key in a configuration document.
	Collection string
	// Doc is one sentence for a user.
	Doc string
	// Retires says that an object still named by others is kept serving them when it is deleted.
	Retires bool

	object reflect.Type
	fields []Field
	facts  []Field
}

// The kinds.
var (
	Certificates = newKind(Certificate{}, "certificate", "certificates", true,
		"A certificate with its private key, which a listener or the gateway itself proves with who it is.")
	CABundles = newKind(CABundle{}, "ca_bundle", "ca_bundles", true,
		"Authorities whose certificates are trusted, of clients or of targets.")
	Listeners = newKind(Listener{}, "listener", "listeners", false,
		"Where clients connect: an address, a port and the host names that are served there.")
	Pools = newKind(Pool{}, "pool", "pools", true,
		"A set of interchangeable targets.")
	Targets = newKind(Target{}, "target", "targets", false,
		"A member of a pool that enrols itself: a machine, or a team's part of a shared pool.")
	Settings = newKind(Setting{}, "setting", "settings", true,
		"How the gateway talks to the targets of a pool: port, probe, timeouts, retries, host.")
	Probes = newKind(Probe{}, "probe", "probes", true,
		"How the health of targets is found out: an HTTP GET, again and again.")
	Rewrites = newKind(Rewrite{}, "rewrite", "rewrites", true,
		"What a rule changes in the heads of requests and answers, and in URLs, step by step.")
	Rules = newKind(Rule{}, "rule", "rules", false,
		"Which requests of a listener go to which pool, and by which setting.")
)

// Kinds lists every kind, in the order a reader should meet them. It is also an order in which objects can be created
// one after the other, and deleted in reverse.
func Kinds() []*Kind {
	return []*Kind{Certificates, CABundles, Listeners, Pools, Targets, Probes, Settings, Rewrites, Rules}
}

// KindByName finds a kind by Name; nil if there is none.
func KindByName(name string) *Kind {
	for _, k := range Kinds() {
		if k.Name == name {
			return k
		}
	}
	return nil
}

// KindByCollection finds a kind by Collection; nil if there is none.
func KindByCollection(collection string) *Kind {
	for _, k := range Kinds() {
		if k.Collection == collection {
			return k
		}
	}
	return nil
}

// KindOf is the kind of an object.
func KindOf(o Object) *Kind {
	t := reflect.TypeOf(o).Elem()
	for _, k := range Kinds() {
		if k.object == t {
			return k
		}
	}
	panic(fmt.Sprintf("spec: %T is of no kind", o))
}

func newKind(zero any, name, collection string, retires bool, doc string) *Kind {
	t := reflect.TypeOf(zero)
	return &Kind{Name: name, Collection: collection, Doc: doc, Retires: retires, object: t, fields: fieldsOf(t), facts: factsOf(t)}
}

// New makes an object of the kind with every default set.
func (k *Kind) New() Object {
	v := reflect.New(k.object)
	setDefaults(v)
	return v.Interface().(Object)
}

// Fields describes the kind's fields in the order of the struct. The caller must not change what it gets.
func (k *Kind) Fields() []Field { return k.fields }

func (k *Kind) String() string { return k.Name }

// setDefaults sets the defaults of the struct v points to and of the structs it holds by value.
func setDefaults(v reflect.Value) {
	if d, ok := v.Interface().(defaulter); ok {
		d.defaults()
	}
	for i := range v.Elem().NumField() {
		if f := v.Elem().Field(i); f.Kind() == reflect.Struct {
			setDefaults(f.Addr())
		}
	}
}
