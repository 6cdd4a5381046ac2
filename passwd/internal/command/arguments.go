package command

import (
	"fmt"
	"regexp"
	"slices"
	"strings"

	"github.com/spf13/cobra"
)

// Arguments checks the arguments of a command by its Use, where each is a word: EMAIL is needed, [DOMAIN] may be left out, and
// SOURCE... or [SOURCE...] is one or several. What is between braces is one word too. Run gives it to all commands that have
// no Args of their own.
func Arguments(c *cobra.Command, args []string) error {
	least, most := 0, 0
	var missing string
	for _, word := range argumentWords(c.Use) {
		if !strings.HasPrefix(word, "[") {
			if least++; least == len(args)+1 {
				missing = strings.NewReplacer("{", "", "}", "", " | ", " or ").Replace(strings.TrimSuffix(word, "..."))
			}
		}
		most++
		if strings.Contains(word, "...") {
			most = len(args) + least
		}
	}
	switch {
	case missing != "":
		return fmt.Errorf("%s is missing: %s", missing, usageOf(c))
	case most == 0:
		return noArguments(c, args)
	case len(args) > most && noPassword(c) != nil:
		return fmt.Errorf("there is one argument too many; %w", noPassword(c))
	case len(args) > most:
		return fmt.Errorf("%q is one argument too many: %s", args[most], usageOf(c))
	case slices.Contains(args[least:], ""): // a variable of a script, perhaps: not what the command does without it
		return fmt.Errorf("an argument is empty: leave it out, or give it a value: %s", usageOf(c))
	}
	return nil
}

var argumentWord = regexp.MustCompile(`\[[^]]*\](\.\.\.)?|\{[^}]*\}|\S+`)

// argumentWords are the words of a Use, without the name of the command.
func argumentWords(use string) (words []string) {
	_, rest, _ := strings.Cut(use, " ")
	for _, word := range argumentWord.FindAllString(rest, -1) {
		if word != "[flags]" {
			words = append(words, word)
		}
	}
	return words
}

// usageOf is how a command is called, without its flags.
func usageOf(c *cobra.Command) string { return strings.TrimSuffix(c.UseLine(), " [flags]") }
