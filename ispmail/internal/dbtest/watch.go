package dbtest

import (
	"context"
	"sync"

	"github.com/uptrace/bun"

	"github.com/ispmail/go-ispmail/ispmail/ispmailtest"
)

// Watch returns the same database, and a function that returns the statements that ran through the result since the last call.
func Watch(db *ispmailtest.Database) (*ispmailtest.Database, func() []string) {
	hook := &Statements{}
	return &ispmailtest.Database{DB: db.DB.WithQueryHook(hook), DSN: db.DSN}, hook.Take
}

// Statements is a query hook of bun that records statements.
type Statements struct {
	mu        sync.Mutex
	ran       []string
	templates []string // the statements without their values
}

// BeforeQuery does nothing.
func (s *Statements) BeforeQuery(ctx context.Context, _ *bun.QueryEvent) context.Context { return ctx }

// AfterQuery records a statement.
func (s *Statements) AfterQuery(_ context.Context, event *bun.QueryEvent) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.ran = append(s.ran, event.Query)
	s.templates = append(s.templates, event.QueryTemplate)
}

// Take returns the statements that ran since the last call.
func (s *Statements) Take() []string {
	s.mu.Lock()
	defer s.mu.Unlock()
	ran := s.ran
	s.ran = nil
	return ran
}

// Templates returns all statements, without their values.
func (s *Statements) Templates() []string {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.templates
}
