package view

import (
	"context"
	"log/slog"
	"slices"
	"strings"
	"sync/atomic"
	"time"

	"github.com/ispmail/go-ispmail/ispmail"
	"github.com/ispmail/go-ispmail/ispmail/check"
)

const (
	// doctorEvery is how old findings get when nothing is changed on the pages.
	doctorEvery = 10 * time.Minute
	// doctorPause is how long the doctor waits after a change, for further ones, and rests at least.
	doctorPause = time.Second
	// doctorRest is how many times as long as it has worked it rests.
	doctorRest = 10
	// keptFindings is how many findings of a domain are kept; all are counted.
	keptFindings = 500
)

// severities are in the order in which findings are shown.
var severities = []check.Severity{check.SeverityError, check.SeverityWarning, check.SeverityInformation}

// A Finding is one of the doctor, and whose it is.
type Finding struct {
	check.Finding
	Severity check.Severity
	Row      string // the address or name in the row, "" if it is about a table
	DomainID int64  // of the domain, 0 if it is about a table
	domain   string // the canonical name of it, "" for a table, or for a row that is in another domain by its address
}

// A report is what the doctor has found.
type report struct {
	at       time.Time
	findings []Finding
	counts   map[string]int // by the canonical name of the domain
	cut      map[string]int // how many of these are not kept
	locked   map[int64]int  // by the id of the domain
}

// A doctor looks at all rows in the background.
type doctor struct {
	wanted  chan struct{}
	newest  atomic.Pointer[report]
	working atomic.Bool
}

func (d *doctor) last() *report { return d.newest.Load() }

// want has the doctor look again soon.
func (d *doctor) want() {
	select {
	case d.wanted <- struct{}{}:
	default:
	}
}

// Examine lets the doctor work until ctx ends.
func (d *Data) Examine(ctx context.Context, log *slog.Logger) {
	for {
		start := time.Now()
		if err := d.ExamineOnce(ctx); err != nil && ctx.Err() == nil {
			log.Warn("the tables were not examined", slog.Any("cause", err))
		}
		pause := max(doctorPause, doctorRest*time.Since(start))
		select {
		case <-ctx.Done():
			return
		case <-time.After(pause):
		}
		next := time.NewTimer(doctorEvery)
		select {
		case <-ctx.Done():
			next.Stop()
			return
		case <-d.doctor.wanted:
		case <-next.C:
		}
		next.Stop()
	}
}

// ExamineOnce lets the doctor look at all rows.
func (d *Data) ExamineOnce(ctx context.Context) error {
	store, err := d.store()
	if err != nil {
		return err
	}
	d.doctor.working.Store(true)
	defer d.doctor.working.Store(false)
	r := &report{at: time.Now(), counts: map[string]int{}, cut: map[string]int{}, locked: map[int64]int{}}
	names := map[int64]string{}
	for row, err := range store.Domains(ctx, ispmail.Query{}) {
		if err != nil {
			return err
		}
		names[row.ID] = row.Name
	}
	for u, err := range store.Users(ctx, ispmail.Query{}) {
		if err != nil {
			return err
		}
		if u.IsLocked() {
			r.locked[u.DomainID]++
		}
	}
	var batch []check.Finding
	for f, err := range check.Run(ctx, store, check.Config{}) {
		if err != nil {
			return err
		}
		if batch = append(batch, f); len(batch) == 200 {
			if err := r.add(ctx, store, batch, names); err != nil {
				return err
			}
			batch = batch[:0]
		}
	}
	if err := r.add(ctx, store, batch, names); err != nil {
		return err
	}
	// The worst first, and otherwise by table and row.
	slices.SortStableFunc(r.findings, func(a, b Finding) int {
		return slices.Index(severities, a.Severity) - slices.Index(severities, b.Severity)
	})
	d.doctor.newest.Store(r)
	return nil
}

// add adds findings, with the rows that they are about. A row that has gone since has no finding.
func (r *report) add(ctx context.Context, store *ispmail.Store, batch []check.Finding, names map[int64]string) error {
	type place struct {
		text   string
		domain int64
	}
	ids, rows := map[string][]int64{}, map[string]map[int64]place{"virtual_domains": {}, "virtual_users": {}, "virtual_aliases": {}}
	for _, f := range batch {
		ids[f.Table] = append(ids[f.Table], f.ID)
	}
	for row, err := range store.Domains(ctx, ispmail.ByID(ids["virtual_domains"]...)) {
		if err != nil {
			return err
		}
		rows["virtual_domains"][row.ID] = place{row.Name, row.ID}
	}
	for row, err := range store.Users(ctx, ispmail.ByID(ids["virtual_users"]...)) {
		if err != nil {
			return err
		}
		rows["virtual_users"][row.ID] = place{row.Email, row.DomainID}
	}
	for row, err := range store.Aliases(ctx, ispmail.ByID(ids["virtual_aliases"]...)) {
		if err != nil {
			return err
		}
		rows["virtual_aliases"][row.ID] = place{row.Source, row.DomainID}
	}
	for _, f := range batch {
		row, there := rows[f.Table][f.ID]
		if !there && f.ID != 0 {
			continue
		}
		one := Finding{Finding: f, Severity: f.Code.Severity(), Row: row.text, DomainID: row.domain, domain: domainOf(row.text, names[row.domain])}
		r.counts[one.domain]++
		if r.counts[one.domain] > keptFindings {
			r.cut[one.domain]++
			continue
		}
		r.findings = append(r.findings, one)
	}
	return nil
}

// A Report is what the doctor has found in the domains of an administrator.
type Report struct {
	At       time.Time // when it began; zero if there is none yet
	Working  bool      // a newer one is being made
	Findings []Finding
	Cut      int // how many more there are
}

// Report returns the findings of the last examination, and waits for none. The domain is a canonical name, or "" for all.
func (v View) Report(severity check.Severity, domain string) Report {
	d := &v.data.doctor
	shown := Report{Working: d.working.Load()}
	r := d.last()
	if r == nil {
		return shown
	}
	shown.At = r.at
	for _, f := range r.findings {
		if v.seesDomain(f.domain) && (severity == "" || f.Severity == severity) && (domain == "" || f.domain == domain) {
			if !v.all {
				f.Message = "" // which may name rows of others
			}
			shown.Findings = append(shown.Findings, f)
		}
	}
	for key, n := range r.cut {
		if (domain == "" || key == domain) && v.seesDomain(key) {
			shown.Cut += n
		}
	}
	return shown
}

func (v View) seesDomain(canonical string) bool { return v.all || v.domains[canonical] }

// domainOf returns the canonical name of the domain of a row, "" if its address and its domain_id say different ones.
func domainOf(address, byID string) string {
	name, err := ispmail.CanonicalDomain(byID)
	own, errOwn := ispmail.CanonicalDomain(address[strings.LastIndexByte(address, '@')+1:])
	if err != nil || errOwn != nil || name != own {
		return ""
	}
	return name
}
