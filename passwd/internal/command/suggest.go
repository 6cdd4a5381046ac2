package command

import (
	"fmt"

	"github.com/spf13/cobra"
)

// furthest is the number of letters that a word may be away from what was typed.
const furthest = 2

// nearest returns the word that is most like what was typed or begins with it, "" if none is.
func nearest(typed string, words []string) string {
	if typed == "" {
		return ""
	}
	vocabulary := &cobra.Command{}
	for _, word := range words {
		vocabulary.AddCommand(&cobra.Command{Use: word, Run: func(*cobra.Command, []string) {}})
	}
	for distance := 1; distance <= furthest; distance++ {
		vocabulary.SuggestionsMinimumDistance = distance
		if found := vocabulary.SuggestionsFor(typed); len(found) > 0 {
			return found[0]
		}
	}
	return ""
}

// didYouMean is the end of a sentence that says that a word is unknown.
func didYouMean(prefix, word string) string {
	if word == "" {
		return ""
	}
	return fmt.Sprintf(" (did you mean %s%s?)", prefix, word)
}

// DidYouMean is the end of a sentence that says that a word is unknown: the one of others that is most like it. It is empty if
// none is.
func DidYouMean(typed string, words []string) string { return didYouMean("", nearest(typed, words)) }

// noArguments are those of a command that takes none: what is there is a sub-command by a wrong name.
func noArguments(c *cobra.Command, args []string) error {
	switch {
	case len(args) == 0:
		return nil
	case !c.HasAvailableSubCommands():
		return fmt.Errorf("%s takes no arguments, and there is %q", c.CommandPath(), args[0])
	}
	var names []string
	for _, sub := range subCommands(c) {
		names = append(names, sub.Name())
	}
	return fmt.Errorf("unknown command %q for %q%s", args[0], c.CommandPath(), didYouMean("", nearest(args[0], names)))
}
