package view

import (
	"context"
	"slices"
	"time"
)

// kept is how many changes are remembered.
const kept = 200

// An Action says what was changed.
type Action string

// The actions.
const (
	DomainCreated   Action = "domain-created"
	DomainRenamed   Action = "domain-renamed"
	DomainDeleted   Action = "domain-deleted"
	UserCreated     Action = "user-created"
	UserRenamed     Action = "user-renamed"
	UserDeleted     Action = "user-deleted"
	UserLocked      Action = "user-locked"
	UserUnlocked    Action = "user-unlocked"
	PasswordChanged Action = "password-changed"
	QuotaChanged    Action = "quota-changed"
	AliasCreated    Action = "alias-created"
	AliasChanged    Action = "alias-changed"
	AliasDeleted    Action = "alias-deleted"
)

// A Change is what an administrator has done. It holds no password.
type Change struct {
	Time    time.Time // UTC
	Person  Person
	Action  Action
	Row     string // the address, "@domain" or the name of a domain
	To      string // a new one, or ""
	Unknown bool   // whether it is not known that it was made
}

// record remembers a change, and has the doctor look again.
func (v View) record(ctx context.Context, action Action, row, to string, err error) error {
	if !isMade(err) {
		return err
	}
	c := Change{Time: time.Now().UTC(), Person: v.person, Action: action, Row: row, To: to, Unknown: err != nil}
	d := v.data
	d.mu.Lock()
	d.changes = append(d.changes, c)
	if len(d.changes) > kept {
		d.changes = slices.Delete(d.changes, 0, len(d.changes)-kept)
	}
	d.mu.Unlock()
	d.changed(ctx, c)
	d.doctor.want()
	return err
}

// Changes returns the last changes, the latest first.
func (v View) Changes() (changes []Change) {
	v.data.mu.Lock()
	defer v.data.mu.Unlock()
	for _, c := range slices.Backward(v.data.changes) {
		if v.sees(c.Row) && (c.To == "" || v.sees(c.To)) {
			changes = append(changes, c)
		}
	}
	return changes
}
