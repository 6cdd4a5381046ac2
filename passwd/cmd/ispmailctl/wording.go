package main

import (
	"context"
	"errors"
	"strings"

	"github.com/ispmail/go-ispmail/ispmail"
	"github.com/ispmail/go-ispmail/passwd/internal/command"
)

// A rewording is an error with a text for people at a shell, who do not call functions.
type rewording struct {
	error
	text string
}

func (r rewording) Error() string { return r.text }
func (r rewording) Unwrap() error { return r.error }

// interrupted returns what an error is after somebody has ended the program. What a command had done before, it says itself.
func interrupted(ctx context.Context, err error) error {
	if ctx.Err() == nil || !errors.Is(err, context.Canceled) || strings.Contains(err.Error(), "interrupted") {
		return err
	}
	return command.Fail(errors.New("interrupted, and nothing was changed"))
}

// worded returns an error that names flags where the library names its own.
func worded(err error) error {
	e, ok := errors.AsType[*ispmail.ColumnError](err)
	if !ok {
		return err
	}
	is, has, it := " is", " has", "it"
	if len(e.Columns) > 1 {
		is, has, it = " are", " have", "them"
	}
	flags := func(flag, end string) string {
		return flag + e.Table + "." + strings.Join(e.Columns, end+" "+flag+e.Table+".") + end
	}
	var text string
	switch e.Reason {
	case ispmail.ColumnNeeded:
		text = e.Names() + has + " no default; give " + it + " a value by " + flags("--set ", "=VALUE")
	case ispmail.ColumnUnknown:
		text = "there" + is + " no " + e.Names() + ", and the record has a value for " + it + "; leave " + it + " out by " + flags("--without ", "")
	case ispmail.ColumnGenerated:
		text = e.Names() + is + " computed by the database, and the record has a value for " + it + "; leave " + it + " out by " + flags("--without ", "")
	}
	before, _, found := strings.Cut(err.Error(), e.Error())
	if text == "" || !found {
		return err
	}
	return rewording{err, before + text}
}

// wordedForRecords is worded for a command that has --without.
func wordedForRecords(err error) error {
	err = worded(err)
	if errors.Is(err, ispmail.ErrNoQuota) {
		return rewording{err, err.Error() + "; leave the quotas out by --without quota"}
	}
	return err
}
