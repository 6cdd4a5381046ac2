package main

import (
	"slices"
	"strings"

	"github.com/ispmail/go-ispmail/ispmail"
)

// withState adds the state of a row, or the head of its column, to the other columns if a setting names a column of state.
func (*app) withState(store *ispmail.Store, state string, columns ...string) []string {
	if len(store.State()) > 0 {
		columns = append(columns, state)
	}
	return columns
}

func stateOf(off bool) string {
	if off {
		return "off"
	}
	return "on"
}

// stillOff says that a user is switched off, and by what, "" if not.
func (a *app) stillOff(store *ispmail.Store, user ispmail.User) error {
	if !user.Off {
		return nil
	}
	return a.say("%s is switched off (%s): nobody can log in until that is changed.", user.Email, stateOfUsers(store))
}

// stateOfUsers names the columns that may switch a user off.
func stateOfUsers(store *ispmail.Store) string {
	return strings.Join(slices.DeleteFunc(store.State(), func(column string) bool {
		return strings.HasPrefix(strings.TrimPrefix(column, "!"), "virtual_aliases.")
	}), ", ")
}
