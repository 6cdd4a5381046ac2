package command

import (
	"errors"

	"github.com/spf13/pflag"

	"github.com/ispmail/go-ispmail/ispmail"
)

// StateFlag adds the flag of the columns of state, which both commands have by the same name: [ispmail.Config] State.
func StateFlag(state *[]string, flags *pflag.FlagSet) {
	flags.Var(&stateColumns{list: (*list)(state)}, "state-column",
		"`COLUMN` of another program that switches rows on and off: active (a row is on where it is true), !disabled or !deleted_at (off where it is set), status=active (on with this value); for one table, virtual_users.active; several with commas between them, or the flag again (default: all rows are on)")
}

// stateColumns is a list whose words have the form of columns of state.
type stateColumns struct{ *list }

func (c *stateColumns) Set(text string) error {
	var words list
	if err := words.Set(text); err != nil {
		return err
	}
	if err := ispmail.CheckState(words); err != nil {
		return errors.Unwrap(err) // the flag has its own name and value in the sentence
	}
	*c.list = append(*c.list, words...)
	return nil
}
