package main

import (
	"fmt"
	"log/slog"
	"os"
	"path/filepath"
	"strings"
	"syscall"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/ispmail/go-ispmail/passwd/internal/command"
)

// TestJournalHandler gives each line the priority of its level, whatever came before it.
func TestJournalHandler(t *testing.T) {
	t.Parallel()
	for format, want := range map[string]string{
		"text": "<7>level=DEBUG msg=m a=1 g.b=2\n<6>level=INFO msg=m a=1 g.b=2\n<4>level=WARN msg=m a=1 g.b=2\n<3>level=ERROR msg=m a=1 g.b=2\n",
		"json": `<7>{"level":"DEBUG","msg":"m","a":1,"g":{"b":2}}` + "\n" + `<6>{"level":"INFO","msg":"m","a":1,"g":{"b":2}}` + "\n" +
			`<4>{"level":"WARN","msg":"m","a":1,"g":{"b":2}}` + "\n" + `<3>{"level":"ERROR","msg":"m","a":1,"g":{"b":2}}` + "\n",
	} {
		var out strings.Builder
		s := &settings{LogFormat: format, LogLevel: "debug", journal: true}
		log := s.logger(&out).With(slog.Int("a", 1)).WithGroup("g")
		for _, level := range []slog.Level{slog.LevelDebug, slog.LevelInfo, slog.LevelWarn, slog.LevelError} {
			log.Log(t.Context(), level, "m", slog.Int("b", 2))
		}
		assert.Equal(t, want, withoutTime(out.String()))
		s.LogLevel = "warn"
		assert.False(t, s.logger(&out).Enabled(t.Context(), slog.LevelInfo))
		assert.True(t, s.logger(&out).Enabled(t.Context(), slog.LevelWarn))
	}
}

// withoutTime takes the first field from each line.
func withoutTime(log string) string {
	var b strings.Builder
	for line := range strings.Lines(log) {
		_, rest, _ := strings.Cut(line, "time")
		end := strings.IndexAny(rest, " ,") + 1
		b.WriteString(line[:3])
		if rest[0] == '"' {
			b.WriteString("{")
		}
		b.WriteString(rest[end:])
	}
	return b.String()
}

// TestJournal is a process whose standard error is the journal, and others where it is not: only there lines have a priority, and
// then all of them.
func TestJournal(t *testing.T) {
	t.Parallel()
	file, err := os.Create(filepath.Join(t.TempDir(), "journal"))
	require.NoError(t, err)
	defer func() { require.NoError(t, file.Close()) }()
	info, err := file.Stat()
	require.NoError(t, err)
	stat, ok := info.Sys().(*syscall.Stat_t)
	require.True(t, ok)
	this := fmt.Sprintf("%d:%d", stat.Dev, stat.Ino)
	for _, c := range []struct {
		stream, prefix string
	}{
		{this, "<3>"},
		{fmt.Sprintf("%d:%d", stat.Dev, stat.Ino+1), ""},
		{"nonsense", ""},
		{"", ""},
	} {
		require.NoError(t, file.Truncate(0))
		cmd, _ := inheriting(t, "", nil, "--demo", "--scheme=rot13")
		cmd.Env = append(cmd.Env, "JOURNAL_STREAM="+c.stream)
		cmd.Stderr = file
		require.Error(t, cmd.Run())
		assert.Equal(t, command.ExitUsage, cmd.ProcessState.ExitCode())
		text, err := os.ReadFile(file.Name())
		require.NoError(t, err)
		text = []byte(strings.TrimLeft(string(text), "\x00")) // the file is written to where it ended before
		assert.True(t, strings.HasPrefix(string(text), c.prefix+"ispmail-passwd: --scheme: "), "%q with %q", text, c.stream)
	}
}
