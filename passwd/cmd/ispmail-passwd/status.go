package main

import (
	"log/slog"
	"sync"

	"github.com/ispmail/go-ispmail/passwd/internal/serve"
)

// What systemctl status says of the service.
const (
	statusOpening = "Opening the database."
	statusReady   = "Passwords can be changed."
	statusUnready = "No password can be changed: " // and the reason
)

// A status is a sentence that "systemctl status" shows. It is safe for concurrent use.
type status struct {
	log  *slog.Logger
	mu   sync.Mutex
	said string
}

// say tells systemd the sentence, if it is another one than before.
func (s *status) say(sentence string) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.said == sentence {
		return
	}
	s.said = sentence
	serve.Notify(s.log, "STATUS="+sentence)
}

// sayReadiness tells systemd why a change would not work, or with nil that it would.
func (s *status) sayReadiness(err error) {
	if err != nil {
		s.say(statusUnready + reasonOf(err) + ".")
		return
	}
	s.say(statusReady)
}
