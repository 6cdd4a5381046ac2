package main

import (
	"bufio"
	"encoding/json"
	"errors"
	"fmt"
	"strings"
	"unicode/utf8"

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
	rows [][]string // the first is the head
}

func (a *app) table(columns ...string) *table { return &table{a: a, rows: [][]string{columns}} }

// row adds a row: a value for JSON, and the same as texts.
func (t *table) row(value any, texts ...string) error {
	if t.a.json {
		return t.a.object(value)
	}
	for i, text := range texts {
		texts[i] = command.Printable(text)
	}
	t.rows = append(t.rows, texts)
	return nil
}

// flush prints the rows. On a terminal that is too narrow, each column has a line of its own.
func (t *table) flush() error {
	if len(t.rows) == 1 {
		return t.a.say("There are none.")
	}
	widths, total := make([]int, len(t.rows[0])), 0
	for i := range widths {
		for _, row := range t.rows {
			widths[i] = max(widths[i], utf8.RuneCountInString(row[i]))
		}
		total += widths[i] + len(gap)
	}
	if t.a.width > 0 && total-len(gap) > t.a.width {
		return t.stack()
	}
	out := bufio.NewWriter(t.a.stdout)
	for n, row := range t.rows {
		line := ""
		for i, text := range row {
			line += text + strings.Repeat(" ", widths[i]-utf8.RuneCountInString(text)) + gap
		}
		line = strings.TrimRight(line, " ")
		if n == 0 {
			line = t.a.bold(line)
		}
		_, _ = out.WriteString(line + "\n") // Flush returns its error
	}
	return out.Flush()
}

const gap = "  " // between two columns

// stack prints each column of a row on a line of its own, after the first one.
func (t *table) stack() error {
	width := 0
	for _, name := range t.rows[0] {
		width = max(width, len(name))
	}
	for _, row := range t.rows[1:] {
		err := t.a.say("%s", t.a.bold(row[0]))
		for i, text := range row[1:] {
			if text != "" {
				err = errors.Join(err, t.a.say("  %-*s  %s", width, t.rows[0][i+1], text))
			}
		}
		if err != nil {
			return err
		}
	}
	return nil
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
	if strings.Trim(text, "0123456789") == "" && 0 < bytes && bytes < units.MiB { // "5" of somebody who means 5G
		return 0, errUsage{fmt.Errorf("%q would be %s bytes, too few for a message: write the unit, such as %sM or %sG, or %sB if bytes are meant", text, text, text, text, text)}
	}
	return bytes, nil
}
