package admin

import "context"

// A RouteOf is a route as a test sees it.
type RouteOf struct {
	Method, Pattern string
	Fields          []string
	Open, All       bool
}

// Routes returns all routes.
func Routes() (all []RouteOf) {
	for _, r := range routes() {
		all = append(all, RouteOf{r.method, r.pattern, r.fields, r.open, r.all})
	}
	return all
}

// Examine looks for faults once.
func (p *Page) Examine(ctx context.Context) error { return p.data.ExamineOnce(ctx) }

// NewForTest returns a page whose memory of sessions ends with the test.
func NewForTest(config Config) (*Page, func()) {
	p, err := New(config)
	if err != nil {
		panic(err)
	}
	return p, p.sessions.Store.(*sessionStore).StopCleanup
}
