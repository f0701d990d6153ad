package control

import (
	"fmt"

	"github.com/gatewayd/terraform-provider-gatewayd/internal/spec"
)

// A Change is one write that somebody asks for.
type Change struct {
	Kind *spec.Kind
	// Name is the object's name as the caller knows it. A Put of another name renames the object.
	Name string
	// ID, where it is not empty, must be the object's: nothing else that came to have the name is written.
	ID string
	// Put is the wanted object; nil deletes. Nobody changes it any more.
	Put spec.Object
	// IfMatch, where it is not 0, must be the object's revision. A Put that equals the object passes with any.
	IfMatch uint64
	// IfNoneMatch lets a Put create only.
	IfNoneMatch bool
	// Upsert lets a Put with neither condition create or update, as members of a list of changes and whole
	// configurations do. Without it such a Put is refused with PreconditionRequired.
	Upsert bool
	// Key is the caller's idempotency key, or empty. The same change under the same key gets the first answer again: of
	// an object's last write as long as the object lives, of any other for an hour.
	Key string
	// Retired drops a retired object now, although others still name it. Put is nil then.
	Retired bool
}

// What a change came to.
const (
	Created   = "created"
	Updated   = "updated"
	Unchanged = "unchanged"
	Deleted   = "deleted"
	Retired   = "retired"
	Revived   = "revived"
)

// A Result is the answer to one change.
type Result struct {
	// Outcome is one of Created, Updated, Unchanged, Deleted, Retired and Revived.
	Outcome string
	// Entry is the object after the change; of a deletion, the object as it was or, retired, as it is. Its Revision is
	// the ETag. The answer to a repeated deletion has the name, the id and the revision only.
	Entry *spec.Entry
	// Revision is that of the configuration that holds the change. Every later one holds it too.
	Revision uint64
	// Holders are the objects that name a retired object, or that an admin's drop left without it; in a repeated answer
	// those of now.
	Holders []*spec.Entry
	// Warnings say what of the object is served otherwise than written.
	Warnings []spec.Problem
}

// A Reason is why a change was refused.
type Reason string

// The reasons.
const (
	// Invalid: the object, or what it names, is wrong; Problems say where. A port that is taken is one of them.
	Invalid Reason = "invalid"
	// NotFound: there is no such object, or it is retired.
	NotFound Reason = "not_found"
	// Exists: the name is taken, at a creation or a rename.
	Exists Reason = "exists"
	// Changed: the object has another revision than IfMatch; Current is the object.
	Changed Reason = "changed"
	// PreconditionRequired: a Put with neither IfMatch nor IfNoneMatch nor Upsert.
	PreconditionRequired Reason = "precondition_required"
	// Conflict: something else stands in the way, such as a stored record of the name that cannot be read.
	Conflict Reason = "conflict"
	// Unavailable: the gateway cannot keep or serve the change now; nothing changed, unless the Message says that this is
	// not known. It can be repeated.
	Unavailable Reason = "unavailable"
)

// An Error is why an Apply or DryRun was refused as a whole.
type Error struct {
	Reason Reason
	// Change is the index of the change that was at fault, and Message a sentence on it. An Unavailable is no change's
	// fault and has 0.
	Change  int
	Message string
	// Problems are those of the change's object. Paths are its own.
	Problems spec.Problems
	// Current is the object that stood in the way, where one did.
	Current *spec.Entry
	// Others are the faults of later changes of the same call, where they could be told.
	Others []*Error

	cause error
}

func (e *Error) Error() string {
	if len(e.Problems) > 0 {
		return fmt.Sprintf("%s %s", e.Message, e.Problems)
	}
	return e.Message
}

// Unwrap is the cause of an Unavailable, for the log.
func (e *Error) Unwrap() error { return e.cause }
