package command

import (
	"errors"
	"fmt"
	"os"
	"strings"

	"github.com/spf13/pflag"
)

// A Source is a pair of flags for a text that may hold a password: --NAME is the text itself, --NAME-file a file whose first
// line it is. Make them with [SourceFlags].
type Source struct {
	value, file         string
	valueFlag, fileFlag *pflag.Flag
}

// SourceFlags adds the two flags to others, and gives them variables in the environment. The usages say what they hold.
func SourceFlags(prefix, name, fileUsage, usage string, flags *pflag.FlagSet) *Source {
	s, pair := &Source{}, pflag.NewFlagSet(name, pflag.ContinueOnError)
	pair.SortFlags = false
	pair.StringVar(&s.file, name+"-file", "", fileUsage)
	pair.StringVar(&s.value, name, "", usage+"; as an argument it must not hold a password, because everybody on the machine can read arguments")
	Environment(prefix, pair)
	s.fileFlag, s.valueFlag = pair.Lookup(name+"-file"), pair.Lookup(name)
	flags.AddFlagSet(pair)
	return s
}

// File returns the file that counts, "" if there is none.
func (s *Source) File() string {
	if s.valueFlag.Changed {
		return ""
	}
	return s.file
}

// Read returns the text, "" if there is none. An argument goes before the environment. No error holds any of it.
func (s *Source) Read() (string, error) {
	value, file := s.value, s.file
	if argument := s.valueFlag.Changed || s.fileFlag.Changed; argument {
		if !s.valueFlag.Changed {
			value = ""
		}
		if !s.fileFlag.Changed {
			file = ""
		}
	}
	switch {
	case value != "" && file != "":
		return "", fmt.Errorf("--%s and --%s exclude each other", s.valueFlag.Name, s.fileFlag.Name)
	case file == "":
		return value, nil
	}
	line, err := FirstLine(file)
	if err != nil {
		return "", fmt.Errorf("--%s: %w", s.fileFlag.Name, err)
	}
	return line, nil
}

// Exposed returns an error if the text is an argument. Call it for a text that holds a password.
func (s *Source) Exposed() error {
	if !s.valueFlag.Changed {
		return nil
	}
	return fmt.Errorf("--%s must not hold a password, everybody on the machine can read it: use --%s or %s",
		s.valueFlag.Name, s.fileFlag.Name, variableOf(s.valueFlag))
}

// FirstLine returns the first line of a file, without the blanks around it. It returns an error if there is nothing in it.
func FirstLine(path string) (string, error) {
	content, err := os.ReadFile(path) //nolint:gosec // the file of the user's choice
	if err != nil {
		return "", err
	}
	line, _, _ := strings.Cut(string(content), "\n")
	if line = strings.TrimSpace(line); line == "" {
		return "", errors.New("the first line of " + path + " is empty")
	}
	return line, nil
}
