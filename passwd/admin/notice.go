package admin

import (
	"sync"
	"time"

	"github.com/ispmail/go-ispmail/passwd/admin/internal/view"
)

// A notice tells on the next page what was done. It is shown once, and so is the passphrase in it.
type notice struct {
	Text       string
	Passphrase string
	Email      string // whose it is
	Warnings   []view.Warning
	Others     int      // warnings about rows of other domains
	Commands   []string // for the mail on the disk
}

// notices wait for the page that the browser is sent to, so that another tab does not take them away. They are no part of the
// session, whose values of two requests at the same time would overwrite each other. The zero value works.
type notices struct{ waiting sync.Map }

type noticeKey struct{ session, path string }

// noticeTime is how long a notice waits.
const noticeTime = time.Minute

func (n *notices) put(session, path string, one *notice) {
	key := noticeKey{digest(session), path}
	n.waiting.Store(key, one)
	time.AfterFunc(noticeTime, func() { n.waiting.CompareAndDelete(key, one) })
}

// take returns a notice, the only time, or nil.
func (n *notices) take(session, path string) *notice {
	one, _ := n.waiting.LoadAndDelete(noticeKey{digest(session), path})
	found, _ := one.(*notice)
	return found
}
