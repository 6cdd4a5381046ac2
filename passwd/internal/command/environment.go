package command

import (
	"errors"
	"fmt"
	"maps"
	"os"
	"regexp"
	"slices"
	"strconv"
	"strings"

	"github.com/spf13/cobra"
	"github.com/spf13/pflag"
)

// variable is the annotation of a flag that names its environment variable.
const variable = "variable"

// Environment gives each of the flags an environment variable: the prefix, an underscore and the name of the flag in
// capitals. The variable counts where the flag is no argument. Like an argument, it must not be empty.
func Environment(prefix string, flags *pflag.FlagSet) {
	flags.VisitAll(func(f *pflag.Flag) {
		name := prefix + "_" + strings.ToUpper(strings.ReplaceAll(f.Name, "-", "_"))
		_ = flags.SetAnnotation(f.Name, variable, []string{name, prefix}) // fails only for a flag that there is not
		if f.Value.Type() == "bool" {
			f.Value = yesNo{f.Value}
		}
	})
}

// yesNo is a bool that people may also write as yes and no.
type yesNo struct{ pflag.Value }

func (v yesNo) Set(text string) error { return v.Value.Set(trueOrFalse(text)) }

func trueOrFalse(text string) string {
	switch strings.ToLower(text) {
	case "yes":
		return "true"
	case "no":
		return "false"
	}
	return text
}

// ReadEnvironment sets the flags of a command that are no arguments from their variables, and refuses empty values, and
// variables of no flag. Run
// calls it before a command runs; a completion calls it before it looks at a flag. A flag that is an argument has Changed,
// one from the environment has not.
func ReadEnvironment(c *cobra.Command) error {
	var errs []error
	c.Flags().VisitAll(func(f *pflag.Flag) {
		name := variableOf(f)
		value, set := os.LookupEnv(name)
		switch {
		case f.Changed:
			if f.Value.Type() == "string" && f.Value.String() == "" {
				errs = append(errs, isEmpty("--"+f.Name))
			}
		case name == "" || !set:
		case value == "":
			errs = append(errs, isEmpty(name))
		default:
			if err := f.Value.Set(value); err != nil {
				errs = append(errs, invalid(name, f, value, err))
			}
		}
	})
	if len(errs) == 0 {
		return unknownVariable(c.Root())
	}
	return errs[0] // one sentence at a time
}

// Overridden says which variables of the flags of a command have no effect, because the flag is an argument with another value. In
// a service the arguments are in a unit, and who writes the variables does not see them. Call it in a command that runs. No sentence
// holds a value.
func Overridden(c *cobra.Command) (warnings []string) {
	c.Flags().VisitAll(func(f *pflag.Flag) {
		name := variableOf(f)
		if value, set := os.LookupEnv(name); set && f.Changed && !means(f.Value, value) {
			warnings = append(warnings, fmt.Sprintf("%s has no effect: the argument --%s says something else (ExecStart= of the unit?)", name, f.Name))
		}
	})
	return warnings
}

// means reports whether a text is another way to write a value.
func means(v pflag.Value, text string) bool {
	switch v := v.(type) {
	case yesNo:
		parsed, err := strconv.ParseBool(trueOrFalse(text))
		return err == nil && v.String() == strconv.FormatBool(parsed)
	case *choice:
		return strings.EqualFold(v.String(), text)
	}
	return v.String() == text
}

// unknownVariable refuses a variable that begins as those of the flags do and belongs to none: a setting that is misspelt would
// be none, and nobody would know.
func unknownVariable(root *cobra.Command) error {
	known, prefixes := map[string]bool{}, map[string]bool{}
	visitAll(root, func(f *pflag.Flag) {
		if names := f.Annotations[variable]; len(names) > 1 {
			known[names[0]], prefixes[names[1]] = true, true
		}
	})
	for _, entry := range slices.Sorted(slices.Values(os.Environ())) {
		name, _, _ := strings.Cut(entry, "=")
		for prefix := range prefixes {
			rest, ours := strings.CutPrefix(name, prefix+"_")
			if ours && !known[name] && !ofOthers.MatchString(rest) {
				return fmt.Errorf("the environment has %s, which is no setting%s", name, didYouMean("", nearest(name, slices.Sorted(maps.Keys(known)))))
			}
		}
	}
	return nil
}

// ofOthers are the ends of variables that are no settings: an image of a container has its version in one, and Kubernetes tells
// with the others where a service of that name is (https://kubernetes.io/docs/concepts/services-networking/service/).
var ofOthers = regexp.MustCompile(`^(VERSION|HELP|SERVICE_HOST|SERVICE_PORT(_\w+)?|PORT(_\d+_(TCP|UDP|SCTP)(_\w+)?)?)$`)

// visitAll visits the flags of all commands of a tree.
func visitAll(c *cobra.Command, visit func(*pflag.Flag)) {
	c.Flags().VisitAll(visit)
	c.PersistentFlags().VisitAll(visit)
	for _, sub := range c.Commands() {
		visitAll(sub, visit)
	}
}

func variableOf(f *pflag.Flag) string {
	if names := f.Annotations[variable]; len(names) > 0 {
		return names[0]
	}
	return ""
}

// Setting names a flag of a command as people set it: as an argument, or as its variable.
func Setting(c *cobra.Command, flag string) string {
	return "--" + flag + " or " + variableOf(c.Flag(flag))
}

func isEmpty(name string) error {
	return fmt.Errorf("%s is empty: leave it out, or give it a value", name)
}

// invalid says that a flag or a variable, by its name, has a value that it cannot have.
func invalid(name string, f *pflag.Flag, value string, err error) error {
	if value == "" {
		return isEmpty(name)
	}
	if wanted := wantedBy(f.Value); wanted != "" {
		return fmt.Errorf("%s: %q is not %s", name, value, wanted)
	}
	return fmt.Errorf("%s: %q: %w", name, value, err)
}

// wantedBy names what a flag takes, "" if its errors say it.
func wantedBy(v pflag.Value) string {
	if c, ok := v.(*choice); ok {
		return c.wanted()
	}
	return map[string]string{"bool": "true or false", "int": "a whole number", "int64": "a whole number", "duration": "a time such as 500ms or 2s"}[v.Type()]
}

// flagError says in one sentence what is wrong with the flags of a command line.
func flagError(c *cobra.Command, err error) error {
	if wrong, ok := errors.AsType[*pflag.InvalidValueError](err); ok {
		return invalid("--"+wrong.GetFlag().Name, wrong.GetFlag(), wrong.GetValue(), errors.Unwrap(wrong))
	}
	if unknown, ok := errors.AsType[*pflag.NotExistError](err); ok {
		if letters := unknown.GetSpecifiedShortnames(); strings.HasPrefix(letters, "p") && noPassword(c) != nil {
			return fmt.Errorf("unknown flag -p; %w", noPassword(c)) // what follows the letter may be a password
		} else if letters != "" {
			return fmt.Errorf("unknown flag -%s (write -- before an argument that begins with a hyphen)", letters)
		}
		var names []string
		c.Flags().VisitAll(func(f *pflag.Flag) { names = append(names, f.Name) })
		name := unknown.GetSpecifiedName()
		if err := noPassword(c); err != nil && strings.HasPrefix(name, "pass") {
			return fmt.Errorf("unknown flag --%s; %w", name, err)
		}
		return fmt.Errorf("unknown flag --%s%s", name, didYouMean("--", nearest(name, names)))
	}
	return err
}
