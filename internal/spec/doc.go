// Package spec is the vocabulary of gatewayd: the kinds of objects a gateway is made of, their fields, defaults,
// ranges and references, and the immutable Set that holds them.
//
// One Go struct a kind is everything at once: the body of the admin API, the stored record, the client's type and the
// provider's model. Its struct tags say what is known of a field without code, and everybody who needs to know reads
// them through Kind.Fields: the checks here, the Terraform schema, the OpenAPI document.
//
//	json, tfsdk  the field's name, equal in both, but for secrets
//	doc          one or two sentences for a user, Markdown
//	spec         comma-separated: "required", a range "1..65535" or "1s..24h" (numbers, durations, lengths of strings
//	             and of collections), "is=FORMAT" (see formats), "one_of=a|b", "ref=KIND", "set" (a slice of strings
//	             whose order means nothing), "keys=FORMAT" (of a map's keys, where they are no names), "secret" (nothing
//	             shows it), "settled" (may come from a secret)
//
// The shapes are scalars, slices of strings, structs, pointers to scalars and structs, and, holding structs, maps by
// string and slices. They nest. A field that names an object may stand at any depth.
//
// A value type is required or has a default; a pointer, slice or map may be null, and null stays distinct from empty.
//
// The package imports nothing of ours, knows no sockets and no Terraform, and is called by everybody.
package spec
