package main

import (
	"context"
	"fmt"
	"os"
	"slices"

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
	path    string // of the socket, "" if there is none
	todo    []string
}

func (h *herald) flag(flags *pflag.FlagSet) {
	flags.StringVar(&h.setting, "on-change", "", "`ADDRESS` of a socket, unix:/path, of a program that is told which users have changed, such as one that flushes Dovecot's cache; none tells nobody (default: "+notify.Socket+" if it is there)")
}

// prepare reads the setting.
func (h *herald) prepare() (err error) {
	switch h.setting {
	case silence:
	case "":
		if info, err := os.Stat(notify.Socket); err == nil && info.Mode().Type() == os.ModeSocket {
			h.path = notify.Socket
		}
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
	switch {
	case h.path != "":
		if err := notify.Tell(ctx, h.path, c); err != nil {
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
