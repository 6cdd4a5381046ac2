package main

import (
	"encoding/json"
	"fmt"
	"strings"
	"text/tabwriter"

	"github.com/docker/go-units"

	"github.com/ispmail/go-ispmail/passwd/internal/command"
)

// say prints one line, unless JSON is wanted.
func (a *app) say(format string, args ...any) error {
	if a.json {
		return nil
	}
	_, err := fmt.Fprintf(a.stdout, format+"\n", args...)
	return err
}

// object prints a value as JSON, if that is wanted.
func (a *app) object(value any) error {
	if !a.json {
		return nil
	}
	encoder := json.NewEncoder(a.stdout)
	encoder.SetEscapeHTML(false)
	return encoder.Encode(value)
}

// A table prints rows in columns, or as JSON.
type table struct {
	a    *app
	tabs *tabwriter.Writer
	rows int
	head string
}

func (a *app) table(columns ...string) *table {
	return &table{a: a, tabs: tabwriter.NewWriter(a.stdout, 0, 0, 2, ' ', 0), head: strings.Join(columns, "\t")}
}

// row adds a row: a value for JSON, and the same as texts.
func (t *table) row(value any, texts ...string) error {
	if t.a.json {
		return t.a.object(value)
	}
	if t.rows++; t.rows == 1 {
		if _, err := fmt.Fprintln(t.tabs, t.head); err != nil {
			return err
		}
	}
	for i, text := range texts {
		texts[i] = command.Printable(text)
	}
	_, err := fmt.Fprintln(t.tabs, strings.Join(texts, "\t"))
	return err
}

func (t *table) flush() error {
	if t.rows == 0 && !t.a.json {
		return t.a.say("There are none.")
	}
	return t.tabs.Flush()
}

// plural is a number of things: "1 alias", "2 aliases".
func plural(n int, thing string) string {
	if n != 1 {
		if strings.HasSuffix(thing, "s") {
			thing += "e"
		}
		thing += "s"
	}
	return fmt.Sprintf("%d %s", n, thing)
}

// quota is a quota as people read it.
func quota(bytes *int64) string {
	switch {
	case bytes == nil:
		return "-"
	case *bytes == 0:
		return "no limit"
	}
	return units.BytesSize(float64(*bytes))
}

// parseQuota reads what people write: "5G" are 5 times 1024 to the third bytes, as in Dovecot; "0" is no limit.
func parseQuota(text string) (int64, error) {
	bytes, err := units.RAMInBytes(text)
	if none := bytes == 0 && strings.ContainsAny(text, "123456789"); err != nil || bytes < 0 || none { // "0.5" is not no limit
		return 0, errUsage{fmt.Errorf("%q is no quota: write 0 for no limit, or a number of bytes such as 1073741824, 500M or 1G", text)}
	}
	return bytes, nil
}
