package main

import (
	"flag"
	"os"
	"os/exec"
	"regexp"
	"slices"
	"strings"
	"testing"

	"github.com/spf13/cobra"
	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
)

var update = flag.Bool("update", false, "write what the commands print into the README, and the manual page")

// TestReadme runs every command of the README and compares what it prints, but for what is random. No command is missing.
func TestReadme(t *testing.T) {
	t.Parallel()
	withoutRace(t)
	readme, err := os.ReadFile("README.md")
	require.NoError(t, err)
	_, env := built(t)
	address, _ := hearing(t)
	env, work := append(env, "ISPMAILCTL_DSN=sqlite:mail.db", "ISPMAILCTL_ON_CHANGE="+address), t.TempDir()
	foreign(t, work)
	var ran []string
	fresh := string(readme)
	for _, block := range regexp.MustCompile("(?s)```console\n(.*?)```").FindAllStringSubmatch(string(readme), -1) {
		for _, step := range strings.Split("\n"+block[1], "\n$ ")[1:] {
			line, want, _ := strings.Cut(step, "\n")
			cmd := exec.CommandContext(t.Context(), "sh", "-c", "exec 2>&1; "+line) //nolint:gosec // our own file
			cmd.Dir, cmd.Env = work, env
			got, _ := cmd.Output() // the exit code is printed where it matters
			isSame := strings.TrimSuffix(withoutRandom(want), "\n") == strings.TrimSuffix(withoutRandom(string(got)), "\n")
			if *update && !isSame {
				fresh = strings.Replace(fresh, "$ "+step, "$ "+line+"\n"+strings.TrimSuffix(string(got), "\n")+step[len(strings.TrimSuffix(step, "\n")):], 1)
				continue
			}
			assert.Equal(t, strings.TrimSuffix(withoutRandom(want), "\n"), strings.TrimSuffix(withoutRandom(string(got)), "\n"), line)
			ran = append(ran, line)
		}
	}
	if *update {
		require.NoError(t, os.WriteFile("README.md", []byte(fresh), 0o600)) //nolint:gosec // our own file
	}
	root := (&app{}).root()
	root.InitDefaultCompletionCmd()
	for _, command := range leaves(root) {
		assert.True(t, slices.ContainsFunc(ran, func(line string) bool { return strings.Contains(line, command) }), "%s is not in the README", command)
	}
}

// leaves returns the commands that do something, without the name of the program.
func leaves(c *cobra.Command) (commands []string) {
	for _, sub := range c.Commands() {
		switch {
		case sub.Name() == "completion":
			commands = append(commands, " completion bash ")
		case sub.HasSubCommands():
			commands = append(commands, leaves(sub)...)
		default:
			_, path, _ := strings.Cut(sub.CommandPath(), " ")
			commands = append(commands, " "+path)
		}
	}
	return commands
}

var random = regexp.MustCompile(`Its password is \S+|\$5\$[^"]*|\$2y\$[^"]*`)

func withoutRandom(text string) string { return random.ReplaceAllString(text, "(random)") }
