package admin

import (
	"maps"
	"net/http"
	"sync"
	"time"

	"github.com/alexedwards/scs/v2"
	"github.com/alexedwards/scs/v2/memstore"
)

const (
	idleTimeout = 15 * time.Minute
	lifetime    = 8 * time.Hour
)

// newSessions returns sessions in memory, which end with the process.
func newSessions(plain bool) *scs.SessionManager {
	s := scs.New()
	s.Store = &sessionStore{MemStore: s.Store.(*memstore.MemStore), ended: map[string]time.Time{}}
	s.HashTokenInStore = true
	s.IdleTimeout, s.Lifetime = idleTimeout, lifetime
	s.Cookie.Name, s.Cookie.Path, s.Cookie.HttpOnly, s.Cookie.Persist = "__Host-ispmail-admin", "/", true, false
	s.Cookie.SameSite, s.Cookie.Secure = http.SameSiteStrictMode, true // although the proxy speaks plain HTTP with us
	if plain {
		s.Cookie.Name, s.Cookie.Secure = "ispmail-admin", false
	}
	return s
}

// A sessionStore is the memory of sessions, with a goroutine that forgets those that have ended. A session that was ended stays so:
// scs writes a session at the end of each request, and one that began before the logout would bring it back.
type sessionStore struct {
	*memstore.MemStore

	mu    sync.Mutex
	ended map[string]time.Time // when, by token
}

// Delete implements [scs.Store].
func (s *sessionStore) Delete(token string) error {
	s.mu.Lock()
	defer s.mu.Unlock()
	if _, there, _ := s.Find(token); there { // it never fails
		maps.DeleteFunc(s.ended, func(_ string, at time.Time) bool { return time.Since(at) > lifetime })
		s.ended[token] = time.Now()
	}
	return s.MemStore.Delete(token)
}

// Commit implements [scs.Store].
func (s *sessionStore) Commit(token string, values []byte, expiry time.Time) error {
	s.mu.Lock()
	defer s.mu.Unlock()
	if _, ended := s.ended[token]; ended {
		return nil
	}
	return s.MemStore.Commit(token, values, expiry)
}
