package command

import (
	"fmt"
	"strings"

	"github.com/spf13/cobra"
	"github.com/spf13/pflag"
)

// Manual returns the manual page of a program in section 8, written in the macros of man(7), from what --help tells.
func Manual(root *cobra.Command) string {
	prepareRoot(root)
	var b strings.Builder
	name := root.Name()
	fmt.Fprintf(&b, ".\\\" Written by go test from the help of the command: go test -run TestManual -update\n.TH %s 8\n", strings.ToUpper(name))
	fmt.Fprintf(&b, ".SH NAME\n%s \\- %s\n.SH SYNOPSIS\n", name, roff(root.Short))
	for _, c := range leaves(root) {
		fmt.Fprintf(&b, ".B %s\n.br\n", roff(usageOf(c)))
	}
	b.WriteString(".SH DESCRIPTION\n" + paragraphs(root.Long) + examples(root) + ".SH COMMANDS\n")
	for _, c := range leaves(root) {
		text := c.Long
		if text == "" {
			text = c.Short
		}
		fmt.Fprintf(&b, ".SS %s\n%s", roff(usageOf(c)), paragraphs(text))
		b.WriteString(options(c.LocalNonPersistentFlags()))
		b.WriteString(examples(c))
	}
	b.WriteString(".SH OPTIONS\nThese go with all commands. A variable of the environment stands for a flag that is not given.\n" + options(root.PersistentFlags()))
	return b.String()
}

// leaves are the commands that do something.
func leaves(c *cobra.Command) (all []*cobra.Command) {
	for _, sub := range c.Commands() {
		switch {
		case sub.Name() == "help" || sub.Name() == "completion":
		case sub.HasSubCommands():
			all = append(all, leaves(sub)...)
		default:
			all = append(all, sub)
		}
	}
	return all
}

// paragraphs returns a text of the help. Lines that begin with a blank stay as they are.
func paragraphs(text string) string {
	var b strings.Builder
	verbatim := false
	for line := range strings.SplitSeq(strings.TrimSpace(text), "\n") {
		if indented := strings.HasPrefix(line, " "); indented != verbatim {
			verbatim = indented
			b.WriteString(map[bool]string{true: ".nf\n", false: ".fi\n"}[verbatim])
		}
		if line == "" {
			b.WriteString(".PP\n")
			continue
		}
		b.WriteString(roff(line) + "\n")
	}
	if verbatim {
		b.WriteString(".fi\n")
	}
	return b.String()
}

func examples(c *cobra.Command) string {
	if c.Example == "" {
		return ""
	}
	return ".PP\nExamples:\n.PP\n.nf\n" + roff(c.Example) + "\n.fi\n"
}

func options(flags *pflag.FlagSet) string {
	var b strings.Builder
	flags.VisitAll(func(f *pflag.Flag) {
		if f.Name == "help" || f.Hidden {
			return
		}
		fmt.Fprintf(&b, ".TP\n.B %s", roff("--"+f.Name))
		if names := f.Annotations[placeholder]; len(names) > 0 {
			fmt.Fprintf(&b, " %s", roff(names[0]))
		}
		fmt.Fprintf(&b, "\n%s", roff(f.Usage))
		if v := variableOf(f); v != "" {
			fmt.Fprintf(&b, " (%s)", roff("$"+v))
		}
		b.WriteString("\n")
	})
	return b.String()
}

// roff escapes a text, which may have several lines.
func roff(text string) string {
	text = strings.NewReplacer(`\`, `\e`, "-", `\-`, "'", `\(aq`, "`", "\\`", "~", `\(ti`, "^", `\(ha`).Replace(text)
	lines := strings.Split(text, "\n")
	for i, line := range lines {
		if strings.HasPrefix(line, ".") {
			lines[i] = `\&` + line
		}
	}
	return strings.Join(lines, "\n")
}
