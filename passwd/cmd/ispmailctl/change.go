package main

import (
	"context"
	"fmt"
	"slices"
	"time"

	"github.com/spf13/pflag"

	"github.com/ispmail/go-ispmail/ispmail"
	"github.com/ispmail/go-ispmail/passwd/internal/command"
	"github.com/ispmail/go-ispmail/passwd/internal/notify"
)

// silence is the value of --on-change that tells nobody.
const silence = "none"

// A herald tells the program at a socket of changes. Where nobody listens, it tells the administrator what to do.
type herald struct {
	setting string // of --on-change
	notice  string // the path of --notice, "" for the usual one
	path    string // of the socket, "" if there is none
	keeps   bool   // open sessions may go on
	failed  bool   // the socket did not take a change
	todo    []string
}

func (h *herald) flag(flags *pflag.FlagSet) {
	flags.StringVar(&h.setting, "on-change", "", "`ADDRESS` of a socket, unix:/path, of a program that is told which users have changed, such as one that flushes Dovecot's cache; none tells nobody (default: "+notify.Socket+" if it is there)")
	command.NoticeFlag(&h.notice, flags)
}

// patience is how long an administrator waits for Dovecot to forget users and to end their sessions.
const patience = 10 * time.Second

// prepare reads the setting.
func (h *herald) prepare() (err error) {
	switch h.setting {
	case silence:
	case "":
		h.path = notify.Found("", notify.Socket)
	default:
		if h.path, err = notify.Path(h.setting); err != nil {
			return fmt.Errorf("--on-change: %w; none tells nobody", err)
		}
	}
	return nil
}

// tell passes a change on. That it fails is no reason to call the change failed.
func (a *app) tell(ctx context.Context, c ispmail.Change) {
	h := &a.herald
	if h.setting != silence {
		if err := notify.TellOwner(ctx, h.notice, c, notify.Origin{}); err != nil {
			_, _ = fmt.Fprintf(a.stderr, "ispmailctl: the owner gets no mail about the change: %s\n", command.Text(err))
		}
	}
	switch {
	case h.path != "":
		err := error(nil)
		if h.keeps {
			err = notify.TellWithin(ctx, patience, h.path, c, notify.Origin{})
		} else {
			err = notify.TellToEnd(ctx, patience, h.path, c)
		}
		if err != nil {
			h.failed = true
			_, _ = fmt.Fprintf(a.stderr, "ispmailctl: unix:%s did not take word of the change (%s)\n", h.path, command.Text(err))
			h.add(c)
		}
	case h.setting != silence && notify.LetsIn(c):
		h.add(c)
	}
}

func (h *herald) add(c ispmail.Change) {
	if todo := notify.Flush(c); !slices.Contains(h.todo, todo) {
		h.todo = append(h.todo, todo)
	}
}

// advise tells the administrator what nobody has done.
func (a *app) advise() {
	for _, todo := range a.herald.todo {
		_, _ = fmt.Fprintf(a.stderr, "ispmailctl: if Dovecot's auth_cache_size is set, run this, or it goes by the old state until its cache expires: %s\n", todo)
	}
}

// saySessions tells what becomes of the open sessions of a user, or of all users of a domain, after a change that ends them.
func (a *app) saySessions(name string) error {
	switch kick := notify.Kick(name); {
	case kick == "": // which the socket does not do either
		return a.say("Sessions that are open go on.")
	case a.herald.path != "" && !a.herald.failed:
		return a.say("Dovecot was told to end the sessions that are open.")
	default:
		return a.say("Sessions that are open go on; this ends them: %s", kick)
	}
}
