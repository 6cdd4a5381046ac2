package command

import (
	"errors"
	"fmt"
	"slices"
	"strings"

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
	return fmt.Errorf("unknown command %q for %q%s", args[0], c.CommandPath(), meant(c, args))
}

// meant is the end of a sentence that says that the first argument is no sub-command: it names those that may be meant, here or
// elsewhere in the tree, or else what there is.
func meant(c *cobra.Command, args []string) string {
	var names []string
	for _, sub := range subCommands(c) {
		if slices.Contains(sub.SuggestFor, args[0]) {
			return didYouMean("", sub.Name())
		}
		names = append(names, sub.Name())
	}
	if elsewhere := namesakes(c.Root(), args[0]); len(elsewhere) > 0 {
		return didYouMean("", strings.Join(paths(ofNoun(elsewhere, args[1:])), " or "))
	}
	if word := nearest(args[0], names); word != "" {
		return didYouMean("", word)
	}
	switch {
	case c.Flags().Lookup(args[0]) != nil:
		return didYouMean("--", args[0])
	case c.HasParent():
		return " (it has " + strings.Join(names, ", ") + ")"
	}
	return ""
}

// namesakes are the commands below one that have a name, or that somebody means who types it.
func namesakes(c *cobra.Command, name string) (found []*cobra.Command) {
	for _, sub := range subCommands(c) {
		if sub.Name() == "help" || sub.Name() == "completion" {
			continue
		}
		if sub.Name() == name || slices.Contains(sub.SuggestFor, name) {
			found = append(found, sub)
		}
		found = append(found, namesakes(sub, name)...)
	}
	return found
}

// ofNoun keeps the commands of the group that the next word names, if it names one: "add domain" is "domain add".
func ofNoun(commands []*cobra.Command, rest []string) []*cobra.Command {
	if len(rest) == 0 {
		return commands
	}
	var groups []string
	for _, c := range commands {
		groups = append(groups, c.Parent().Name())
	}
	noun := rest[0]
	if !slices.Contains(groups, noun) {
		noun = nearest(noun, groups)
	}
	if noun == "" {
		return commands
	}
	return slices.DeleteFunc(commands, func(c *cobra.Command) bool { return c.Parent().Name() != noun })
}

func paths(commands []*cobra.Command) (paths []string) {
	for _, c := range commands {
		paths = append(paths, c.CommandPath())
	}
	return paths
}

const asksForPassword = "asks for a password"

// AskingForPassword says of a command that it asks for a password, so that nobody gives it as an argument.
func AskingForPassword(c *cobra.Command) { c.Annotations = map[string]string{asksForPassword: ""} }

// noPassword is the error of an argument, or a flag, that may be a password: it says how the command gets one, and not what was
// typed. It is nil if the command does not ask for any.
func noPassword(c *cobra.Command) error {
	if _, asks := c.Annotations[asksForPassword]; !asks {
		return nil
	}
	return errors.New("a password is asked for, or read from standard input, and is no argument, because everybody on the machine can read arguments: " + usageOf(c))
}
