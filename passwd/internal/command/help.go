package command

import (
	"fmt"
	"regexp"
	"strings"

	"github.com/spf13/cobra"
	"github.com/spf13/pflag"
)

// The number of columns of the help. On a terminal it is that of the terminal, between these.
const (
	leastWidth = 40
	mostWidth  = 100
)

// widthOf returns the number of columns of the help of a command.
func widthOf(c *cobra.Command) int {
	if width := Width(c.OutOrStdout()); width > 0 {
		return min(max(width, leastWidth), mostWidth)
	}
	return mostWidth
}

// printHelp prints the help of a command.
func printHelp(c *cobra.Command, _ []string) {
	description := c.Long
	if description == "" {
		description = c.Short
	}
	_, _ = fmt.Fprintf(c.OutOrStdout(), "%s\n\n", Wrap(description, widthOf(c), ""))
	_ = printUsage(c) // to whom could it be told?
}

// The annotations of a flag for the help.
const (
	title       = "title"       // of its group
	placeholder = "placeholder" // of its value
)

// Group puts the flags that have no group yet under a title in the help.
func Group(name string, flags *pflag.FlagSet) {
	flags.VisitAll(func(f *pflag.Flag) {
		if f.Annotations[title] == nil {
			_ = flags.SetAnnotation(f.Name, title, []string{name}) // fails only for a flag that there is not
		}
	})
}

// unquote takes the quotes from the placeholders of flags: pflag's help needs them, and the completion of the shell would
// show them.
func unquote(flags *pflag.FlagSet) {
	flags.VisitAll(func(f *pflag.Flag) {
		if strings.Contains(f.Usage, "`") {
			name, usage := pflag.UnquoteUsage(f)
			_ = flags.SetAnnotation(f.Name, placeholder, []string{name}) // fails only for a flag that there is not
			f.Usage = usage
		}
	})
}

// printUsage prints the part of the help that comes after the description.
func printUsage(c *cobra.Command) error {
	var b strings.Builder
	b.WriteString("Usage:\n")
	if c.HasAvailableSubCommands() {
		fmt.Fprintf(&b, "  %s [COMMAND] [flags]\n", c.CommandPath())
	} else {
		fmt.Fprintf(&b, "  %s\n", Wrap(c.UseLine(), widthOf(c)-6, "      "))
	}
	if c.HasExample() {
		fmt.Fprintf(&b, "\nExamples:\n%s\n", c.Example)
	}
	if c.HasAvailableSubCommands() {
		b.WriteString("\nCommands:\n")
		for _, sub := range subCommands(c) {
			fmt.Fprintf(&b, "  %-*s  %s\n", sub.NamePadding(), sub.Name(), Wrap(sub.Short, widthOf(c)-sub.NamePadding()-4, strings.Repeat(" ", sub.NamePadding()+4)))
		}
	}
	printFlags(&b, "Flags", c.LocalFlags(), widthOf(c))
	if readsFlags(c) {
		printFlags(&b, "Flags of all commands", c.InheritedFlags(), widthOf(c))
	}
	if c.HasAvailableSubCommands() {
		fmt.Fprintf(&b, "\n%s COMMAND --help tells more about a command.\n", c.CommandPath())
	}
	_, err := fmt.Fprint(c.OutOrStdout(), b.String())
	return err
}

// subCommands are those that people may call.
func subCommands(c *cobra.Command) (commands []*cobra.Command) {
	for _, sub := range c.Commands() {
		if sub.IsAvailableCommand() || sub.Name() == "help" { // which cobra leaves out
			commands = append(commands, sub)
		}
	}
	return commands
}

// readsFlags tells whether the flags of all commands mean anything to a command: help and completion do the same anyway.
func readsFlags(c *cobra.Command) bool {
	for ; c.HasParent(); c = c.Parent() {
		if c.Name() == "help" || c.Name() == "completion" {
			return false
		}
	}
	return true
}

// printFlags prints flags by their groups, those without one first.
func printFlags(b *strings.Builder, other string, flags *pflag.FlagSet, width int) {
	names, groups := []string{other}, map[string]*pflag.FlagSet{}
	flags.SortFlags = false
	flags.VisitAll(func(f *pflag.Flag) {
		name := other
		if titles := f.Annotations[title]; len(titles) > 0 {
			name = titles[0]
		}
		if groups[name] == nil {
			groups[name] = pflag.NewFlagSet(name, pflag.ContinueOnError)
			groups[name].SortFlags = false
			if name != other {
				names = append(names, name)
			}
		}
		shown := *f
		if names := f.Annotations[placeholder]; len(names) > 0 {
			shown.Usage = strings.Replace(f.Usage, names[0], "`"+names[0]+"`", 1)
		}
		if v := variableOf(f); v != "" {
			shown.Usage += " ($" + v + ")"
		}
		groups[name].AddFlag(&shown)
	})
	for _, name := range names {
		if group := groups[name]; group != nil && group.HasAvailableFlags() {
			fmt.Fprintf(b, "\n%s:\n%s", name, flagUsages(group, width))
		}
	}
}

// narrow is a terminal that has no room for two columns of flags and what they are.
const narrow = 80

// flagLine is a flag, and what it is, as pflag prints them.
var flagLine = regexp.MustCompile(`(?m)^ +((?:-\w, )?--\S+(?: \S+)?) +(.*)$`)

// flagUsages returns flags with what they are: beside each, or below it on a narrow terminal.
func flagUsages(flags *pflag.FlagSet, width int) string {
	if width >= narrow {
		return flags.FlagUsagesWrapped(width)
	}
	const indent = "      "
	var b strings.Builder
	for _, flag := range flagLine.FindAllStringSubmatch(flags.FlagUsages(), -1) {
		fmt.Fprintf(&b, "  %s\n%s%s\n", flag[1], indent, Wrap(flag[2], width-len(indent), indent))
	}
	return b.String()
}

// helpCommand prints the help of another command.
func helpCommand(root *cobra.Command) *cobra.Command {
	return &cobra.Command{
		Use: "help [COMMAND]...", Short: "Print the help of a command.",
		ValidArgsFunction: func(_ *cobra.Command, args []string, begun string) (words []cobra.Completion, _ cobra.ShellCompDirective) {
			if c, rest, err := root.Find(args); err == nil && len(rest) == 0 {
				for _, sub := range subCommands(c) {
					if strings.HasPrefix(sub.Name(), begun) {
						words = append(words, cobra.CompletionWithDesc(sub.Name(), sub.Short))
					}
				}
			}
			return words, cobra.ShellCompDirectiveNoFileComp
		},
		RunE: func(_ *cobra.Command, args []string) error {
			c, rest, err := root.Find(args)
			if err == nil {
				err = noArguments(c, rest)
			}
			if err != nil {
				return err
			}
			return c.Help()
		},
	}
}
