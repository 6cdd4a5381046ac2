package command

import (
	"errors"
	"slices"
	"strings"

	"github.com/spf13/cobra"
	"github.com/spf13/pflag"
)

// List returns the value of a flag that is a list of words with commas between them. The flag may be there several times. A
// backslash before a comma makes it a part of the word. A comma at the end has no meaning.
func List(words *[]string) pflag.Value { return (*list)(words) }

type list []string

func (l *list) Set(text string) error {
	if text == "" {
		return errors.New("it is empty")
	}
	const escaped = "\x00" // which is in no argument and no variable
	for word := range strings.SplitSeq(strings.TrimSuffix(strings.ReplaceAll(text, `\,`, escaped), ","), ",") {
		*l = append(*l, strings.ReplaceAll(word, escaped, ","))
	}
	return nil
}

func (l *list) String() string { return strings.Join(*l, ",") }
func (l *list) Type() string   { return "list" }

// Lines returns the value of a flag that may be there several times, each time with a text of its own. In a variable of the
// environment, each line is one.
func Lines(texts *[]string) pflag.Value { return (*lines)(texts) }

type lines []string

func (l *lines) Set(text string) error {
	for line := range strings.SplitSeq(text, "\n") {
		if line = strings.TrimSuffix(line, "\r"); line != "" {
			*l = append(*l, line)
		}
	}
	if text == "" {
		return errors.New("it is empty")
	}
	return nil
}

func (l *lines) String() string { return strings.Join(*l, "\n") }
func (l *lines) Type() string   { return "lines" }

// Choice returns the value of a flag that is one of several words, in capitals or not. What value holds is the default.
func Choice(value *string, words ...string) pflag.Value { return &choice{value, words} }

type choice struct {
	value *string
	words []string
}

func (c *choice) Set(text string) error {
	i := slices.IndexFunc(c.words, func(word string) bool { return strings.EqualFold(word, text) })
	if i < 0 {
		return errors.New("it is not " + c.wanted())
	}
	*c.value = c.words[i]
	return nil
}

func (c *choice) String() string { return *c.value }
func (c *choice) Type() string   { return "choice" }

// wanted is the words in a sentence.
func (c *choice) wanted() string {
	last := len(c.words) - 1
	return strings.Join(c.words[:last], ", ") + " or " + c.words[last]
}

// completeValues lets the shell complete the values of flags of a command that are known.
func completeValues(c *cobra.Command, flags *pflag.FlagSet) {
	offer := func(name string, words []string) {
		_ = c.RegisterFlagCompletionFunc(name, cobra.FixedCompletions(words, cobra.ShellCompDirectiveNoFileComp)) // fails only if it has one
	}
	flags.VisitAll(func(f *pflag.Flag) {
		v, isChoice := f.Value.(*choice)
		switch {
		case isChoice:
			offer(f.Name, v.words)
		case f.Name == schemeFlag:
			offer(f.Name, generatedSchemes())
		case f.Name == defaultFlag:
			offer(f.Name, knownSchemes())
		}
	})
}
