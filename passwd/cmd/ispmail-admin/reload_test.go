package main

import (
	"bufio"
	"context"
	"io"
	"os"
	"path/filepath"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/ispmail/go-ispmail/passwd/admin"
	"github.com/ispmail/go-ispmail/passwd/internal/command"
)

// TestReload sends SIGHUP, as "systemctl reload" does: the file is read at once, and the log says what is in it or wrong with it. It is
// not parallel, because the signal is for the whole process.
func TestReload(t *testing.T) { //nolint:paralleltest // see above
	file := filepath.Join(t.TempDir(), "administrators")
	user := func(args ...string) {
		require.Equal(t, command.ExitOK, run(t.Context(), append([]string{"--administrators", file, "user", "--scheme", "BLF-CRYPT", "--generate"}, args...), nil, io.Discard, os.Stderr))
	}
	user("alice")
	ctx, stop := context.WithTimeout(t.Context(), time.Minute) // without a reload, the log ends then
	defer stop()
	log, stderr := io.Pipe()
	code := make(chan int, 1)
	go func() {
		code <- run(ctx, []string{"--administrators", file, "--listen=127.0.0.1:0", "--dsn", "sqlite:" + filepath.Join(t.TempDir(), "rows.sqlite")}, nil, io.Discard, stderr)
		_ = stderr.Close()
	}()
	lines := bufio.NewScanner(log)
	await := func(want string) {
		t.Helper()
		for lines.Scan() {
			if strings.Contains(lines.Text(), want) {
				return
			}
		}
		require.Fail(t, "the log ended", want)
	}
	hup := func() { require.NoError(t, syscall.Kill(os.Getpid(), syscall.SIGHUP)) }
	await("listening")
	user("bob")
	hup()
	await(`level=INFO msg="reloaded the administrators" count=2`)
	good, err := os.ReadFile(file) //nolint:gosec // of this test
	require.NoError(t, err)
	require.NoError(t, os.WriteFile(file, append(good, "carl:secret\n"...), 0o600)) //nolint:gosec // of this test
	hup()
	await(`level=ERROR msg="the administrators were not reloaded, and nobody comes in until the file is mended" cause="` + file + `, line 3: the stored password`)
	require.NoError(t, os.WriteFile(file, good, 0o600)) //nolint:gosec // of this test
	hup()
	await(`msg="reloaded the administrators" count=2`)
	go func() { _, _ = io.Copy(io.Discard, log) }()
	stop()
	assert.Equal(t, command.ExitOK, <-code)
}

// TestMemory: users and administrators have one Hasher, and so one budget of memory. The unit and the documents say the same.
func TestMemory(t *testing.T) {
	t.Parallel()
	s := &settings{}
	newCommand(s)
	s.Demo, s.Listen, s.MinLength, s.Floor, s.SocketMode = true, "127.0.0.1:0", 15, 1, "0660"
	require.NoError(t, s.validate())
	assert.NotNil(t, s.hasher)
	assert.Same(t, s.hasher, s.page(nil, nil, nil).Hasher)
	const deployment = "../../../examples/deployment/"
	for path, want := range map[string]string{
		"usr/lib/systemd/system/ispmail-admin.service": "administrators together, take 128 MiB of it at the most, and wait for each other.\nCPUWeight=20\nMemoryMax=256M\nEnvironment=GOMEMLIMIT=200MiB",
		"ADMIN.md": "takes 128 MiB at the most at the same time, of the 256 MiB that the unit allows (`MemoryMax`)",
	} {
		text, err := os.ReadFile(deployment + path) //nolint:gosec // our own files
		require.NoError(t, err)
		assert.Contains(t, string(text), want)
	}
	assert.Equal(t, 128<<10, admin.MaxMemory)
	assert.Equal(t, admin.MaxMemory, s.Hashing.MaxMemory)
}
