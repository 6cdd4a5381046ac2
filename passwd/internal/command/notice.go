package command

import (
	"github.com/spf13/pflag"

	"github.com/ispmail/go-ispmail/passwd/internal/notify"
)

// NoticeFlag adds the flag of the socket where a program hears of changed passwords, to mail the owners. The commands have it by the
// same name. It sets the path for [notify.TellOwner].
func NoticeFlag(path *string, flags *pflag.FlagSet) {
	flags.Var((*socket)(path), "notice", "`ADDRESS` of a socket, unix:/path, of a program that mails the owner of a changed password, told as that of --on-change (default: "+notify.NoticeSocket+" if it is there)")
}

// A socket is the path in an address, "unix:/path".
type socket string

func (s *socket) Set(text string) error {
	path, err := notify.Path(text)
	if err == nil {
		*s = socket(path)
	}
	return err
}

func (s *socket) String() string {
	if *s == "" {
		return ""
	}
	return "unix:" + string(*s)
}

func (s *socket) Type() string { return "socket" }
