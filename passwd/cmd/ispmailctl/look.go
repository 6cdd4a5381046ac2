package main

import (
	"github.com/ispmail/go-ispmail/ispmail/check"
	"github.com/ispmail/go-ispmail/passwd/internal/command"
)

// A look is how the output looks at a terminal.
type look struct {
	width   int // 0 if it is none
	colours bool
}

// The codes of ECMA-48 for what is seen in colours.
const (
	bold   = "1"
	red    = "31"
	green  = "32"
	yellow = "33"
)

func (l look) paint(code, text string) string {
	if !l.colours || text == "" {
		return text
	}
	return "\x1b[" + code + "m" + text + "\x1b[0m"
}

func (l look) bold(text string) string { return l.paint(bold, text) }

// verdict paints what is good or bad.
func (l look) verdict(text string, good bool) string {
	if good {
		return l.paint(green, text)
	}
	return l.paint(red, text)
}

// sayFinding prints what check has found.
func (a *app) sayFinding(indent string, f check.Finding) error {
	severity := f.Code.Severity()
	place := f.Table
	if f.ID != 0 {
		place += " " + id(f.ID)
	}
	text := string(severity) + ": " + string(f.Code) + ", " + place + ": " + command.Printable(f.Message) + "."
	if a.width > 0 {
		text = command.Wrap(text, a.width-len(indent)-2, indent+"  ")
	}
	colour := map[check.Severity]string{check.SeverityError: red, check.SeverityWarning: yellow}[severity]
	if colour != "" {
		text = a.paint(colour, text[:len(severity)]) + text[len(severity):]
	}
	return a.say("%s%s", indent, text)
}
